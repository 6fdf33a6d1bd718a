// What one gets who stays within a set of primitives: one library, or one primitive type of it.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/search/restrict.h"
#include "raceline/search/strategy.h"

namespace raceline {

/// Whether a primitive, by its name, is meant.
using PrimitiveTest = std::function<bool(std::string_view primitive)>;

/// The choices of one who does every layer that `own` primitives can do by them, and the others by primitives
/// that `other` admits. What runs nothing (network inputs, layers handed on to a fused one) stays, but a
/// layer that `own` can do is not handed on to anybody else. Throws UnsupportedError naming a layer that
/// nothing is left for.
RestrictedProblem stay_within(const SelectionProblem& problem, const PrimitiveTest& own,
                              const PrimitiveTest& other);

/// QS-DNN's primitive type: a library with one way to compute convolutions.
struct PrimitiveType {
  std::string library;      ///< "onednn"
  std::string convolution;  ///< algorithm, implementation and layouts: "jit.avx512_core.nhwc"
  friend auto operator<=>(const PrimitiveType&, const PrimitiveType&) = default;
};

/// Of a conv2d primitive's name. Forms of one algorithm between which its library chooses by the layer's
/// shape, such as oneDNN's jit, jit_1x1 and jit_dw, are one type, and so are tiles of one algorithm of other
/// sizes. Empty for other primitives.
PrimitiveType primitive_type(std::string_view primitive);

/// The libraries that occur, sorted.
std::vector<std::string> libraries_of(const SelectionProblem& problem);

/// Every layer that the library can do by its fastest primitives, the others by the fastest of any: the
/// strict reading of "a single library". Solved exactly; optimal and lower_bound_us speak of nothing else.
/// Throws UnsupportedError when the library's layouts cannot be joined with those of the others.
SearchAnswer search_library(const SelectionProblem& problem, std::string_view library,
                            const SearchOptions& options);

/// Every layer that can be done on this kind of device (the first part of a primitive's processor, "cpu")
/// there, the others on any. Throws UnsupportedError when nothing can be done so.
SearchAnswer search_processor(const SelectionProblem& problem, std::string_view device,
                              const SearchOptions& options);

/// What one processor would do alone.
struct ProcessorAnswer {
  std::string processor;  ///< "cpu"
  SearchAnswer answer;    ///< without a choice when there is none
  std::string why;        ///< there is none; empty otherwise
};

/// search_processor() for each kind of device that primitives of this problem run on, sorted by name; nothing
/// where that is one alone.
std::vector<ProcessorAnswer> search_each_processor(const SelectionProblem& problem,
                                                   const SearchOptions& options);

/// QS-DNN's reading: convolutions by one primitive type (and by what the library has beside for special
/// shapes, such as 1x1 and depthwise kernels of ours for OpenCL), other layers by the library's own
/// primitives, and all that the library cannot do so by the reference. The best of its types, named in
/// `note`. Throws UnsupportedError when the library has no convolution in this problem.
SearchAnswer search_single_type(const SelectionProblem& problem, std::string_view library,
                                const SearchOptions& options);

}  // namespace raceline
