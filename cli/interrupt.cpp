#include "cli/interrupt.h"

#include <csignal>

namespace raceline::cli {
namespace {

volatile std::sig_atomic_t interrupted_flag = 0;

void on_interrupt(int signal) {
  interrupted_flag = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
}

bool is_interrupted() {
  return interrupted_flag != 0;
}

}  // namespace raceline::cli
