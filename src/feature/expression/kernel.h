// Kernels: the code that computes one operation over a run of rows.
//
// A kernel reads one Vector an argument and writes `size` values. The same
// kernel serves columns (runs of many rows) and requests (a run of one), which
// is why both give the same bits. Values under a null are unspecified but valid
// of their type, so kernels may compute on them and mark the result as null.
//
// Storage by type: bool uint8_t (0 or 1), int64 and timestamp int64_t, double
// double, string std::string_view.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/value.h"

namespace millrace::feature::expression {

using Text = std::string_view;

// A string built longer than this is null.
constexpr size_t kMaxBuiltText = 64 * 1024;

// Where kernels put the bytes of strings that they build; kept until Clear.
class TextArena {
 public:
  char* Allocate(size_t size);
  // Keeps the memory for the next run.
  void Clear();

 private:
  static constexpr size_t kChunk = 128 * 1024;
  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t chunk_ = 0;
  size_t used_ = 0;
};

// The values of one argument or register.
struct Vector {
  const void* values = nullptr;
  const uint8_t* valid = nullptr;  // a byte a row, 0 for null; nullptr: none is null

  template <typename T>
  const T* As() const {
    return static_cast<const T*>(values);
  }
  bool IsNull(size_t row) const { return valid != nullptr && valid[row] == 0; }
};

struct Frame {
  std::span<const Vector> arguments;
  size_t size = 0;
  void* values = nullptr;    // `size` results
  uint8_t* valid = nullptr;  // `size` bytes, written only when the kernel returns true
  TextArena* text = nullptr;
  const void* state = nullptr;  // what was worked out at compile time: a TimeZone

  template <typename T>
  T* Out() const {
    return static_cast<T*>(values);
  }
};

// True when a result may be null: then `valid` is written, for every row.
using Kernel = bool (*)(const Frame&);

// valid = all arguments valid; false, and nothing written, when no argument has nulls.
bool CombineValid(const Frame& frame);

// A kernel of f(a, …) → r, null where an argument is.
template <auto kFunction, typename R, typename... A>
bool Total(const Frame& frame) {
  const auto run = [&]<size_t... I>(std::index_sequence<I...>) {
    const auto columns = std::make_tuple(frame.arguments[I].template As<A>()...);
    R* out = frame.Out<R>();
    for (size_t row = 0; row < frame.size; ++row) out[row] = kFunction(std::get<I>(columns)[row]...);
  };
  run(std::index_sequence_for<A...>());
  return CombineValid(frame);
}

// A kernel of bool f(a, …, R& r), null where an argument is or f returns false.
template <auto kFunction, typename R, typename... A>
bool Partial(const Frame& frame) {
  const bool has_nulls = CombineValid(frame);
  bool all_defined = true;
  const auto run = [&]<size_t... I>(std::index_sequence<I...>) {
    const auto columns = std::make_tuple(frame.arguments[I].template As<A>()...);
    R* out = frame.Out<R>();
    for (size_t row = 0; row < frame.size; ++row) {
      R result{};
      const bool defined = kFunction(std::get<I>(columns)[row]..., result);
      out[row] = result;
      frame.valid[row] = static_cast<uint8_t>(defined & (!has_nulls || frame.valid[row] != 0));
      all_defined &= defined;
    }
  };
  run(std::index_sequence_for<A...>());
  return has_nulls || !all_defined;
}

// A kernel of bool f(a, …, TextArena&, Text& out) that builds strings; f is not
// called where an argument is null.
template <auto kFunction, typename... A>
bool Building(const Frame& frame) {
  bool has_nulls = CombineValid(frame);
  if (!has_nulls) std::fill_n(frame.valid, frame.size, uint8_t{1});
  const auto run = [&]<size_t... I>(std::index_sequence<I...>) {
    const auto columns = std::make_tuple(frame.arguments[I].template As<A>()...);
    Text* out = frame.Out<Text>();
    for (size_t row = 0; row < frame.size; ++row) {
      Text built;
      if (frame.valid[row] != 0 && !kFunction(std::get<I>(columns)[row]..., *frame.text, built)) {
        frame.valid[row] = 0;
        has_nulls = true;
        built = Text();
      }
      out[row] = built;
    }
  };
  run(std::index_sequence_for<A...>());
  return has_nulls;
}

}  // namespace millrace::feature::expression
