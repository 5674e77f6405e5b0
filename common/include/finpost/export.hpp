#pragma once

/// Marks what a shared library of finpost shows; all else in it is hidden. Static libraries show
/// nothing, so a plug-in that has finpost inside does not hand it on. `FINPOST_SHARED` comes with
/// the CMake target or with pkg-config.
#if defined(FINPOST_SHARED)
#define FINPOST_EXPORT __attribute__((visibility("default")))
#else
#define FINPOST_EXPORT
#endif
