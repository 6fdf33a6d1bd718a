#include "cli/train_program.h"

#include <cstdlib>

namespace raceline::cli {

std::filesystem::path train_program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "raceline-train";
}

std::vector<std::pair<std::string, std::string>> train_environment() {
  std::vector<std::pair<std::string, std::string>> variables{
      {"OPENBLAS_NUM_THREADS", "1"}, {"OMP_NUM_THREADS", "1"}, {"OMP_WAIT_POLICY", "passive"}};
  std::erase_if(variables, [](const auto& each) { return std::getenv(each.first.c_str()) != nullptr; });
  return variables;
}

}  // namespace raceline::cli
