# What goes where. With the prefix /usr (preset release) that is where Debian expects it, the
# configuration in /etc; with another prefix everything stays below it.
set(docs "${CMAKE_INSTALL_DATADIR}/doc/clerk-tokend")
set(conf "${CMAKE_INSTALL_FULL_SYSCONFDIR}/clerk-tokend")

install(TARGETS clerk-tokend RUNTIME DESTINATION "${CMAKE_INSTALL_SBINDIR}")
install(TARGETS clerk-tokenctl RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")

# The units name the programs as they are installed.
set(units "${PROJECT_BINARY_DIR}/systemd")
function(install_unit name text)
  string(REPLACE "/usr/sbin/clerk-tokend" "${CMAKE_INSTALL_FULL_SBINDIR}/clerk-tokend" text
    "${text}")
  string(REPLACE "/usr/bin/clerk-tokenctl" "${CMAKE_INSTALL_FULL_BINDIR}/clerk-tokenctl" text
    "${text}")
  file(WRITE "${units}/${name}" "${text}")
  install(FILES "${units}/${name}" DESTINATION lib/systemd/system)
endfunction()

foreach(unit clerk-tokend.service clerk-tokend@.service)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "systemd/${unit}")
  file(READ "systemd/${unit}" text)
  install_unit("${unit}" "${text}")
endforeach()

# What runs each day, and the same for an instance: NAME@.service is made of NAME.service by
# naming the instance to the program and behind each path of its own.
foreach(job report backup anchor)
  foreach(kind service timer)
    set(unit "clerk-tokend-${job}.${kind}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "systemd/${unit}")
    file(READ "systemd/${unit}" text)
    install_unit("${unit}" "${text}")
    string(REGEX REPLACE "/usr/bin/clerk-tokenctl (report|backup|verify)"
      "/usr/bin/clerk-tokenctl -i %i \\1" text "${text}")
    string(REGEX REPLACE "/clerk-tokend([/. \n])" "/clerk-tokend-%i\\1" text "${text}")
    string(REGEX REPLACE "clerk-tokend-${job}([. \n])" "clerk-tokend-${job}@%i\\1" text "${text}")
    string(REGEX REPLACE "(Description=[^\n]*)" "\\1 (%i)" text "${text}")
    string(REGEX REPLACE "(#[^\n]*)%i" "\\1NAME" text "${text}")
    string(REGEX REPLACE "(#[^\n]*)%i" "\\1NAME" text "${text}")
    install_unit("clerk-tokend-${job}@.${kind}" "${text}")
  endforeach()
endforeach()
install(FILES systemd/clerk-tokend.sysusers DESTINATION lib/sysusers.d
  RENAME clerk-tokend.conf)
install(FILES systemd/clerk-tokend.tmpfiles DESTINATION lib/tmpfiles.d
  RENAME clerk-tokend.conf)

install(FILES "${PROJECT_BINARY_DIR}/completions/clerk-tokenctl"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")

# A configuration that is there is somebody's work: it stays as it is.
install(CODE "
  foreach(name clerk-tokend.conf sqliterc)
    set(source \"${PROJECT_SOURCE_DIR}/etc/\${name}\")
    set(target \"\$ENV{DESTDIR}${conf}/\${name}\")
    if(EXISTS \"\${target}\")
      message(STATUS \"Kept: \${target}\")
    elseif(EXISTS \"\${source}\")
      file(INSTALL \"\${source}\" DESTINATION \"${conf}\")
    endif()
  endforeach()")
install(FILES etc/clerk-tokend.conf etc/sqliterc DESTINATION "${docs}/examples" OPTIONAL)
install(FILES etc/prometheus/clerk-tokend.rules.yml
  etc/prometheus/clerk-tokend-prometheus.tmpfiles DESTINATION "${docs}/examples/prometheus")

foreach(database queue audit tokens)
  install(DIRECTORY "sql/${database}/schema/"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/clerk-tokend/sql/${database}")
endforeach()

file(GLOB pages CONFIGURE_DEPENDS "doc/*.md")
install(FILES README.md LICENSE ${pages} DESTINATION "${docs}" OPTIONAL)
install(DIRECTORY doc/examples/ DESTINATION "${docs}/examples" USE_SOURCE_PERMISSIONS
  PATTERN "__pycache__" EXCLUDE)
foreach(section 1 5 7 8)
  file(GLOB pages CONFIGURE_DEPENDS "doc/*.${section}")
  install(FILES ${pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
endforeach()
