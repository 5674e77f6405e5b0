# What a program says of itself with --generate, where man(1) and the shells look for it. `section` is the manual's.
function(finpost_install_references program section)
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/references)
    file(MAKE_DIRECTORY ${folder})
    set(page ${program}.${section})
    add_custom_command(
        OUTPUT ${folder}/${page}.gz
        COMMAND ${program} --generate man > ${page}
        COMMAND ${program} --generate bash > ${program}
        COMMAND ${program} --generate zsh > _${program}
        COMMAND ${program} --generate fish > ${program}.fish
        COMMAND gzip -9nf ${page}
        DEPENDS ${program} WORKING_DIRECTORY ${folder} VERBATIM)
    add_custom_target(${program}_references ALL DEPENDS ${folder}/${page}.gz)
    install(FILES ${folder}/${page}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT programs)
    install(FILES ${folder}/${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
            COMPONENT programs)
    install(FILES ${folder}/_${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
            COMPONENT programs)
    install(FILES ${folder}/${program}.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
            COMPONENT programs)
endfunction()
