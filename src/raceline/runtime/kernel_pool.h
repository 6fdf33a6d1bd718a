// Prepared kernels that several sessions share.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "raceline/primitive/primitive.h"

namespace raceline {

/// For plans of one graph that run in turn: what they have in common is packed once. A kernel lives as long
/// as a session that uses it. Whose sessions use one pool must not run at the same time.
class KernelPool {
 public:
  using Prepare = std::function<std::unique_ptr<const Kernel>()>;

  /// The kernel of this key, if a session has it, else a new one. The key stands for all that a kernel is
  /// prepared from: primitive, layer, threads, and where the constants lie.
  std::shared_ptr<const Kernel> get(const std::string& key, const Prepare& prepare) {
    std::weak_ptr<const Kernel>& known = kernels_[key];
    std::shared_ptr<const Kernel> kernel = known.lock();
    if (kernel == nullptr) known = kernel = prepare();
    return kernel;
  }

 private:
  std::map<std::string, std::weak_ptr<const Kernel>> kernels_;
};

}  // namespace raceline
