// The results of a batch while they are made.
//
// Rows are computed key by key, but a key's rows lie all over the result. So results
// go to StagedRows, in the order of the keys and with the columns side by side (written
// in order), and from there each result row is fetched from its place: reads that are
// ahead of the need, one or two cache lines a row instead of one a column.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/value.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

// Rows of `width` words, and which of them are null. Threads fill distinct rows.
class StagedRows {
 public:
  static constexpr size_t kWidth = 8;  // a cache line: as many outputs as are computed at once
  // In `memory` if that is large enough: memory that was used before is quicker.
  StagedRows(size_t rows, size_t width, Buffer<uint64_t> memory);
  Buffer<uint64_t> TakeMemory() && { return std::move(words_); }
  size_t width() const { return width_; }
  uint64_t* Row(size_t row) { return &words_[row * width_]; }
  const uint64_t* Row(size_t row) const { return &words_[row * width_]; }
  // A byte a word, not 0 for null.
  uint8_t* Nulls(size_t row) { return &nulls_[row * width_]; }
  const uint8_t* Nulls(size_t row) const { return &nulls_[row * width_]; }
  void NoteNulls() { any_null_.store(true, std::memory_order_relaxed); }
  bool any_null() const { return any_null_.load(std::memory_order_relaxed); }

 private:
  struct Free {
    void operator()(uint8_t* bytes) const { std::free(bytes); }
  };
  size_t width_;
  Buffer<uint64_t> words_;
  std::unique_ptr<uint8_t[], Free> nulls_;  // zeros that cost nothing until one is set
  std::atomic<bool> any_null_{false};
};

// One output of one key: a column of the key's staged rows.
class KeyOutput {
 public:
  KeyOutput(DataType type, const Value& default_value);
  // Rows from `first_row` of `staged` on; `column` is its place in them.
  void Bind(StagedRows& staged, size_t first_row, size_t column);

  void SetInt(size_t row, int64_t value) { Set(row, static_cast<uint64_t>(value)); }  // int64 and timestamp
  void SetDouble(size_t row, double value) { Set(row, std::bit_cast<uint64_t>(value)); }
  void SetBool(size_t row, bool value) { Set(row, value ? 1 : 0); }
  // A string, by the row of `of` that holds it.
  void SetSource(size_t row, int64_t source_row) { SetInt(row, source_row); }
  void SetNull(size_t row) {
    Set(row, 0);
    nulls_[row * stride_] = 1;
    staged_->NoteNulls();
  }
  // What an empty window gives.
  void SetDefault(size_t row) {
    if (default_null_) return SetNull(row);
    Set(row, default_word_);
  }

 private:
  void Set(size_t row, uint64_t word) { words_[row * stride_] = word; }

  uint64_t* words_ = nullptr;
  uint8_t* nulls_ = nullptr;
  size_t stride_ = 0;
  StagedRows* staged_ = nullptr;
  bool default_null_ = false;
  uint64_t default_word_ = 0;
};

// One column of the result. Threads fill distinct rows.
class OutputColumn {
 public:
  OutputColumn(DataType type, Value default_value, size_t rows);

  // Before rows are copied that may be null.
  void ExpectNulls();
  void Set(size_t row, uint64_t word, bool null);
  // Where the values are that are words of 8 bytes; null when they are narrower.
  char* WordBytes();

  // `of`: where strings come from.
  Column Finish(const Column* of) &&;

 private:
  Column FinishText(const Column& of);

  DataType type_;
  Value default_;
  size_t rows_;
  Buffer<int64_t> ints_;  // of strings, the rows of `of` that hold them
  Buffer<double> doubles_;
  Buffer<uint8_t> bools_;
  std::vector<uint8_t> valid_;  // empty: nothing is null
};

}  // namespace millrace::feature
