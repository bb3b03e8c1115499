// From a tree of names to a tree of typed calls: columns found, overloads
// chosen, int64 made double where a double is wanted, and whatever depends on
// no column computed. All errors of meaning are found here.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "base/time_zone.h"
#include "base/value.h"
#include "feature/expression/kernel.h"
#include "feature/expression/syntax.h"
#include "table/table.h"

namespace millrace::feature::expression {

// Calls that build strings, in one expression.
constexpr size_t kMaxTextCalls = 64;

struct TypedNode {
  enum class Kind : uint8_t { kConstant, kColumn, kCall };
  Kind kind = Kind::kConstant;
  DataType type = DataType::kBool;
  bool untyped = false;  // the literal null, before something gives it a type

  Value constant;                        // kConstant
  size_t column = 0;                     // kColumn: place in the schema
  Kernel kernel = nullptr;               // kCall
  bool builds_text = false;              // kCall
  std::shared_ptr<const TimeZone> zone;  // kCall: the kernel's state; shared: the program keeps it
  std::vector<TypedNode> arguments;      // kCall
};

Result<TypedNode> Bind(const Node& node, const Schema& schema);

// One constant in the storage that kernels read. Not movable: `vector` points into it.
class ConstantCell {
 public:
  // `value` is borrowed for the text of a string.
  ConstantCell(const Value& value, DataType type);
  ConstantCell(const ConstantCell&) = delete;
  ConstantCell& operator=(const ConstantCell&) = delete;
  const Vector& vector() const { return vector_; }

 private:
  int64_t integer_ = 0;
  double real_ = 0;
  uint8_t boolean_ = 0;
  Text text_;
  uint8_t null_ = 0;
  Vector vector_;
};

}  // namespace millrace::feature::expression
