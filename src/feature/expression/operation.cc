#include "feature/expression/operation.h"

#include <algorithm>
#include <iterator>

#include "base/status.h"

namespace millrace::feature::expression {

char* TextArena::Allocate(size_t size) {
  MR_CHECK(size <= kChunk, "{} bytes of text", size);
  if (chunk_ < chunks_.size() && used_ + size > kChunk) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    chunks_.push_back(std::make_unique<char[]>(kChunk));
    used_ = 0;
  }
  char* place = chunks_[chunk_].get() + used_;
  used_ += size;
  return place;
}

void TextArena::Clear() {
  chunk_ = 0;
  used_ = 0;
}

bool CombineValid(const Frame& frame) {
  bool any = false;
  for (const Vector& argument : frame.arguments) {
    if (argument.valid == nullptr) continue;
    if (!any) {
      std::copy_n(argument.valid, frame.size, frame.valid);
      any = true;
    } else {
      for (size_t row = 0; row < frame.size; ++row) frame.valid[row] &= argument.valid[row];
    }
  }
  return any;
}

std::span<const Operation> AllOperations() {
  static const std::vector<Operation> kAll = [] {
    std::vector<Operation> all;
    for (auto make :
         {ArithmeticOperations, LogicOperations, TextOperations, TimeOperations, CastOperations}) {
      std::vector<Operation> some = make();
      std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    return all;
  }();
  return kAll;
}

const Operation* FindOperation(std::string_view name) {
  for (const Operation& operation : AllOperations()) {
    if (operation.name == name) return &operation;
  }
  return nullptr;
}

const Operation& CastTo(DataType type) {
  const Operation* cast = FindOperation(DataTypeName(type));
  MR_CHECK(cast != nullptr, "no cast to {}", DataTypeName(type));
  return *cast;
}

}  // namespace millrace::feature::expression
