# What the libraries have in common: names, versions, what they show, and where they are installed.
#
#   finpost_library(server)     # the target finpost_server, found by others as finpost::server
function(finpost_library name)
    set(target finpost_${name})
    add_library(finpost::${name} ALIAS ${target})
    # A minor version may change what programs were compiled with (server/README.md): hence the SOVERSION.
    set_target_properties(${target} PROPERTIES
        EXPORT_NAME ${name}
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
        INSTALL_RPATH "$ORIGIN")
    # Asio and Beast are somebody else's and say themselves what is seen of them.
    if(NOT name STREQUAL "asio")
        set_target_properties(${target} PROPERTIES
            CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    endif()
    if(BUILD_SHARED_LIBS)
        target_compile_definitions(${target} PUBLIC FINPOST_SHARED)
    endif()
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:finpost_warnings>)
    target_include_directories(${target} PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

    # Whatever is in the folder is public. `embed.headers` compiles each alone.
    set(headers ${CMAKE_CURRENT_SOURCE_DIR}/include)
    if(EXISTS ${headers} AND NOT name STREQUAL "asio")
        file(GLOB files CONFIGURE_DEPENDS ${headers}/finpost/*.hpp)
        target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${headers} FILES ${files})
        set(header_rule FILE_SET HEADERS COMPONENT development)
    endif()
    if(FINPOST_INSTALL)
        install(TARGETS ${target} EXPORT finpost-targets
            LIBRARY COMPONENT libraries NAMELINK_COMPONENT development
            ARCHIVE COMPONENT development
            ${header_rule})
    endif()
endfunction()
