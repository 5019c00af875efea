# Run by cpack on the installed files before they become a .deb: what Debian wants to have
# otherwise than `cmake --install` puts it.
set(root "${CPACK_TEMPORARY_INSTALL_DIRECTORY}")
set(doc "${root}/usr/share/doc/clerk-tokend")

function(compress file)
  execute_process(COMMAND gzip -9n "${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Its text is in the file copyright.
file(REMOVE "${doc}/LICENSE")
configure_file("${CPACK_PROJECT_SOURCE}/cmake/debian/copyright" "${doc}/copyright" COPYONLY)
configure_file("${CPACK_PROJECT_SOURCE}/cmake/debian/changelog" "${doc}/changelog" COPYONLY)
compress("${doc}/changelog")

file(GLOB pages "${root}/usr/share/man/man*/*.[1-8]")
foreach(page ${pages})
  compress("${page}")
endforeach()

foreach(program bin/clerk-tokenctl sbin/clerk-tokend)
  execute_process(COMMAND "${CPACK_STRIP_PROGRAM}" --remove-section=.comment "${root}/usr/${program}"
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()
