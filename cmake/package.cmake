# The .deb: `cpack --config build/release/CPackConfig.cmake`, or the target `package`. For
# the prefix /usr (preset release). What cpack does not do to the installed files by itself
# is in debian/files.cmake; the maintainer scripts stand beside it.
set(debian "${CMAKE_CURRENT_LIST_DIR}/debian")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME clerk-tokend)
set(CPACK_PACKAGE_CONTACT "clerk-tokend maintainers <clerk-tokend@example.com>"
  CACHE STRING "the Maintainer of the package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "daemon that creates and revokes Clerk sign-in tokens")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "Scripts insert rows into a SQLite queue; the daemon makes the calls to
Clerk's Backend API, within its rate limit, with retries, and never loses
or hides one. Every attempt, every answer and every token is recorded in an
audit that nobody but the daemon can write and anybody can verify.

clerk-tokenctl is the command for administrators and auditors. The daemon is
started once it was given a secret key; daily reports, backups and anchors
of the audit are units that are turned on at will.")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# The libraries are found by dpkg-shlibdeps. procps: the unit's reload runs kill; nsenter
# is of util-linux, which every Debian has. ca-certificates: whom to trust at Clerk's.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, procps, systemd (>= 249), libsqlite3-0 (>= 3.37)")
# What scripts and `clerk-tokenctl sql` use.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "sqlite3 (>= 3.37)")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${debian}/conffiles" "${debian}/postinst"
  "${debian}/prerm" "${debian}/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_PROGRAM "${CMAKE_STRIP}")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/package")
set(CPACK_PRE_BUILD_SCRIPTS "${debian}/files.cmake")
set(CPACK_PROJECT_SOURCE "${PROJECT_SOURCE_DIR}")
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
