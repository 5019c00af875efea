# Where Debian expects things. /etc stays /etc whatever the prefix is, unless told otherwise.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(sysconfdir "/etc")
else()
  set(sysconfdir "${CMAKE_INSTALL_FULL_SYSCONFDIR}")
endif()
set(SYSTEMD_DIR "lib" CACHE STRING "folder of systemd, sysusers.d and tmpfiles.d, below the prefix")

install(TARGETS clerk-tokend RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS clerk-tokenctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES systemd/clerk-tokend.service systemd/clerk-tokend@.service
  DESTINATION ${SYSTEMD_DIR}/systemd/system)
install(FILES systemd/clerk-tokend.sysusers DESTINATION ${SYSTEMD_DIR}/sysusers.d
  RENAME clerk-tokend.conf)
install(FILES systemd/clerk-tokend.tmpfiles DESTINATION ${SYSTEMD_DIR}/tmpfiles.d
  RENAME clerk-tokend.conf)
install(FILES etc/clerk-tokend.conf DESTINATION ${sysconfdir}/clerk-tokend)
install(DIRECTORY sql/ DESTINATION ${CMAKE_INSTALL_DATADIR}/clerk-tokend/sql
  FILES_MATCHING PATTERN "schema/*.sql")
install(FILES README.md doc/design.md doc/audit-chain.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
