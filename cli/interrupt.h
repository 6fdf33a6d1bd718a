// Ctrl-C: the first asks long work to stop and keep what it has, the second ends the program.
#pragma once

namespace raceline::cli {

void catch_interrupts();
bool is_interrupted();

}  // namespace raceline::cli
