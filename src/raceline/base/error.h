// The few exceptions of the library. Each text names the thing, what was given and what was wanted.
#pragma once
#include <stdexcept>
#include <string>

namespace raceline {

/// Base of every exception the library throws for a user's mistake or a failing environment.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file or text that cannot be read as what it should be: ONNX, plan, problem, CSV, layer key.
class ParseError : public Error {
 public:
  using Error::Error;
};

/// A graph that breaks a rule: wrong shapes, a missing operand, a name used twice.
class GraphError : public Error {
 public:
  using Error::Error;
};

/// A plan that does not fit the graph, the registry or the machine.
class PlanError : public Error {
 public:
  using Error::Error;
};

/// Something well formed that Raceline does not do: an op, an attribute, an opset, a data type.
class UnsupportedError : public Error {
 public:
  using Error::Error;
};

/// A file, store or device that fails: read-only, full, locked, out of memory.
class IoError : public Error {
 public:
  using Error::Error;
};

/// An accelerator that fails: lost, out of its memory, a driver that refuses. What else there is may go on
/// without it.
class DeviceError : public IoError {
 public:
  using IoError::IoError;
};

}  // namespace raceline
