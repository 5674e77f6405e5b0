# How others find what is installed (find_package, pkg-config), and the Debian packages. Included by the top-level
# CMakeLists.txt.
include(CMakePackageConfigHelpers)

set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/finpost)
install(EXPORT finpost-targets NAMESPACE finpost:: DESTINATION ${cmake_folder} COMPONENT development)
configure_package_config_file(common/install/finpost-config.cmake.in finpost-config.cmake
    INSTALL_DESTINATION ${cmake_folder})
write_basic_package_version_file(finpost-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/finpost-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/finpost-config-version.cmake
        DESTINATION ${cmake_folder} COMPONENT development)

# The installed tree may be anywhere: paths in the .pc files start from their own.
set(pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH up /prefix/${pc_folder} /prefix)
function(finpost_pkg_config name description)
    cmake_parse_arguments(arg "" "" "LIBS;OTHERS;REQUIRES;PACKAGES;CFLAGS" ${ARGN})
    # Whoever links static libraries links what they need as well.
    if(BUILD_SHARED_LIBS)
        set(libs_private ${arg_OTHERS})
        set(requires_private ${arg_PACKAGES})
    else()
        list(APPEND arg_LIBS ${arg_OTHERS})
        list(APPEND arg_REQUIRES ${arg_PACKAGES})
    endif()
    list(JOIN arg_LIBS " " libs)
    list(JOIN libs_private " " libs_private)
    list(JOIN arg_REQUIRES ", " requires)
    list(JOIN requires_private ", " requires_private)
    list(JOIN arg_CFLAGS " " cflags)
    configure_file(common/install/finpost.pc.in finpost-${name}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/finpost-${name}.pc
            DESTINATION ${pc_folder} COMPONENT development)
endfunction()

get_target_property(definitions finpost_asio INTERFACE_COMPILE_DEFINITIONS)
list(TRANSFORM definitions PREPEND "-D")
finpost_pkg_config(common "What the libraries of finpost share"
    LIBS -lfinpost_common -lfinpost_asio -pthread OTHERS -lboost_url
    PACKAGES libssl libcrypto CFLAGS ${definitions} -pthread)
finpost_pkg_config(server "A TCP-to-HTTP gateway as a library"
    LIBS -lfinpost_server REQUIRES "finpost-common = ${PROJECT_VERSION}" PACKAGES sqlite3 libpq)
if(TARGET finpost_client)
    finpost_pkg_config(client "The client of a finpost gateway"
        LIBS -lfinpost_client REQUIRES "finpost-common = ${PROJECT_VERSION}")
endif()

# Debian packages: `cpack -G DEB` in the build folder. They carry the static libraries, which need no promise of
# binary compatibility; and none of a host that builds its own.
# An image is built without what they are made of.
if(BUILD_SHARED_LIBS OR NOT PROJECT_IS_TOP_LEVEL OR NOT EXISTS ${PROJECT_SOURCE_DIR}/packaging)
    return()
endif()
set(FINPOST_MAINTAINER "finpost <finpost@localhost>" CACHE STRING "Who answers for the Debian packages: NAME <ADDRESS>")
string(TIMESTAMP year "%Y" UTC)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH, where it is set
# What Debian wants of each package: the licence, and a log in its own form.
function(finpost_debian_papers package component)
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/papers/${package})
    configure_file(packaging/debian/copyright.in ${folder}/copyright @ONLY)
    configure_file(packaging/debian/changelog.in ${folder}/changelog @ONLY)
    configure_file(packaging/debian/overrides.in ${folder}/${package} @ONLY)
    execute_process(COMMAND gzip -9nf changelog WORKING_DIRECTORY ${folder} COMMAND_ERROR_IS_FATAL ANY)
    install(FILES ${folder}/copyright ${folder}/changelog.gz CHANGELOG.md
            DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
    install(FILES ${folder}/${package} DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
            COMPONENT ${component})
endfunction()
finpost_debian_papers(libfinpost-dev development)
set(CPACK_COMPONENTS_ALL development)
if(TARGET finpostd AND TARGET finpost)
    list(APPEND CPACK_COMPONENTS_ALL programs debian)
    finpost_debian_papers(finpost programs)
    install(FILES README.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/finpost COMPONENT programs)
    install(FILES docker/finpost.toml DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/finpost/examples
            COMPONENT programs)
    install(DIRECTORY docker/profiles DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/finpost/examples
            COMPONENT programs)
    # What stands outside of /usr, for the package alone: a prefix of somebody's own has none of it.
    set(of_package COMPONENT debian EXCLUDE_FROM_ALL)
    install(FILES packaging/finpost.toml DESTINATION /etc/finpost ${of_package})
    install(FILES packaging/finpost.default DESTINATION /etc/default RENAME finpost ${of_package})
    install(FILES packaging/finpost.logrotate DESTINATION /etc/logrotate.d RENAME finpost ${of_package})
endif()
set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_CONTACT "${FINPOST_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "TCP-to-HTTP gateway: a TCP FIN comes in, an HTTP POST goes out")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_FINPOST_DESCRIPTION
    "The gateway finpostd accumulates what a client sends up to its half-close,\nor in frames, makes one HTTP request of it, and writes the answer back.\nThe command finpost sends payloads, measures, and looks after a queue.")
set(CPACK_DEBIAN_FINPOST_PACKAGE_NAME finpost)
set(CPACK_DEBIAN_FINPOST_PACKAGE_SECTION net)
set(CPACK_DEBIAN_FINPOST_PACKAGE_SHLIBDEPS ON)
# The user of the service is made by systemd-sysusers, which is there without systemd as well.
set(CPACK_DEBIAN_FINPOST_PACKAGE_DEPENDS "systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_FINPOST_PACKAGE_RECOMMENDS "ca-certificates, logrotate")
set(scripts ${PROJECT_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_FINPOST_PACKAGE_CONTROL_EXTRA
    ${scripts}/conffiles ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm)
set(CPACK_DEBIAN_FINPOST_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
    "The gateway and its client as C++ libraries: headers and static libraries,\nfor CMake and pkg-config.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libfinpost-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libboost1.81-dev, libboost-url1.81-dev, libpq-dev (>= 14), libsqlite3-dev (>= 3.40), libssl-dev (>= 3.0.0)")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS finpost)
include(CPack)
cpack_add_component(development GROUP development)
cpack_add_component(programs GROUP finpost)
cpack_add_component(debian GROUP finpost)
