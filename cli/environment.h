// Environment variables that libraries read when they are loaded: set by the program, never by the library.
#pragma once
#include "raceline/device/machine.h"

namespace raceline::cli {

/// To be called before anything loads a library or starts a thread. What the user has set stays.
void set_library_environment(const Machine& machine);

}  // namespace raceline::cli
