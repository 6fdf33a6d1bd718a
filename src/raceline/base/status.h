// The result of running a kernel: ok, or a reason. Kernels never throw.
#pragma once
#include <string_view>

namespace raceline {

/// Ok, or failed with a message whose characters outlive the program (a string literal).
class [[nodiscard]] Status {
 public:
  static constexpr Status ok() { return Status({}); }
  static constexpr Status failed(std::string_view literal) { return Status(literal); }
  constexpr bool is_ok() const { return message_.empty(); }
  constexpr std::string_view message() const { return message_; }

 private:
  explicit constexpr Status(std::string_view message) : message_(message) {}
  std::string_view message_;
};

}  // namespace raceline
