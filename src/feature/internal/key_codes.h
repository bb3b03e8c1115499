// Dense codes for values and for composite keys: equal values, equal codes.
//
// A composite key is coded part by part: the code of (a, b) is the code of the
// pair (code of a, code of b), so no separator is involved and parts of any
// content stay apart. A null part makes the whole key null, which matches nothing.
//
// A KeyCodes grows with each call: code the events first, then a spine with the
// same object. Not thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/buffer.h"
#include "table/table.h"

namespace millrace::feature {

inline constexpr uint32_t kNoCode = UINT32_MAX;

// 64-bit integers to 0, 1, 2, … in order of first appearance; open addressing.
class IntCodes {
 public:
  uint32_t Code(uint64_t value);
  size_t size() const { return size_; }

 private:
  void Grow();
  struct Entry {
    uint64_t value;
    uint32_t code;
  };
  std::vector<Entry> entries_;  // code kNoCode: free
  size_t size_ = 0;
};

// Codes of one column's values: equal by value, so all NaN are one, and -0.0 is 0.0.
class ValueCodes {
 public:
  explicit ValueCodes(DataType type) : type_(type) {}
  // One a row; kNoCode for null. Precondition: the column has the type.
  Buffer<uint32_t> Encode(const Column& column, int threads);
  size_t size() const { return next_; }

 private:
  void EncodeInts(const Column& column, Buffer<uint32_t>& codes, int threads);
  bool EncodeNarrow(const Column& column, Buffer<uint32_t>& codes, int threads);

  DataType type_;
  uint32_t next_ = 0;
  IntCodes ints_;
  // When the first column's values lie close together, lowest_ to lowest_ + narrow_ - 1,
  // their codes are 0 to narrow_ - 1.
  int64_t lowest_ = 0;
  uint64_t narrow_ = 0;
  std::unordered_map<std::string, uint32_t> texts_;
};

class KeyCodes {
 public:
  explicit KeyCodes(std::span<const DataType> types);
  // One column a part, of equal length.
  Buffer<uint32_t> Encode(std::span<const Column> parts, int threads);
  // Codes given out so far are below this.
  size_t size() const;

 private:
  std::vector<ValueCodes> parts_;
  std::vector<IntCodes> pairs_;  // of the parts so far and the next one
};

}  // namespace millrace::feature
