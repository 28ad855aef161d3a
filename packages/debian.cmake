# The .deb: `cpack -G DEB` in the build folder. Its dependencies are read off the binary (dpkg-shlibdeps).
set(control ${CMAKE_CURRENT_BINARY_DIR}/debian)
set(maintainer "The Weir developers <packages@weir.invalid>")

# Debian wants a changelog of the packaging, compressed, dated by what was packaged.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} log -1 --format=%cD OUTPUT_VARIABLE date
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT date)
  set(date "Thu, 01 Jan 1970 00:00:00 +0000")
endif()
file(WRITE ${control}/changelog.Debian "weir (${PROJECT_VERSION}-1) unstable; urgency=medium

  * What changed is in /usr/share/doc/weir/changelog.gz.

 -- ${maintainer}  ${date}
")
configure_file(${CMAKE_SOURCE_DIR}/CHANGELOG.md ${control}/changelog COPYONLY)
foreach(file changelog changelog.Debian)
  execute_process(COMMAND gzip -9nf ${control}/${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(WRITE ${control}/conffiles "/etc/weir/weir.yaml\n")

set(as_debian COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES debian/weir.service DESTINATION /lib/systemd/system ${as_debian})
install(FILES debian/weir.yaml DESTINATION /etc/weir ${as_debian})
install(FILES ${control}/changelog.gz ${control}/changelog.Debian.gz DESTINATION ${CMAKE_INSTALL_DOCDIR} ${as_debian})
install(FILES debian/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME weir ${as_debian})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};weir;Unspecified;/;${CMAKE_BINARY_DIR};weir;debian;/")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${maintainer}")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "PostgreSQL proxy that turns committed writes into change events
Weir stands between an application and its database and relays PostgreSQL's
protocol unchanged. Every committed INSERT, UPDATE and DELETE becomes a change
event on Kafka, in a file or on stdout, in order, without logical replication,
triggers or extensions in the database.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${control}/conffiles;${CMAKE_CURRENT_SOURCE_DIR}/debian/postinst;\
${CMAKE_CURRENT_SOURCE_DIR}/debian/prerm;${CMAKE_CURRENT_SOURCE_DIR}/debian/postrm")
include(CPack)
