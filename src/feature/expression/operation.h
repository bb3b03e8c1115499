// The operations of the language: every operator and function, by name, with
// the types that it takes and the kernels that compute it. One table a file
// (arithmetic, logic, text, time, casts).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "feature/expression/kernel.h"

namespace millrace::feature::expression {

struct Overload {
  std::vector<DataType> parameters;
  DataType result = DataType::kBool;
  Kernel kernel = nullptr;
};

struct Operation {
  enum class Form : uint8_t {
    kPlain,    // the best overload by types, int64 → double where needed
    kUnified,  // arguments take one common type; the last parameter repeats
  };
  std::string_view name;
  std::string_view usage;  // "substring(text, start, length)"
  std::string_view meaning;
  Form form = Form::kPlain;
  size_t min_arguments = 1;
  size_t max_arguments = 1;
  bool pairwise = false;  // more than two arguments: f(f(a, b), c)
  bool builds_text = false;
  bool takes_zone = false;  // a time zone's name may follow, as a literal
  std::vector<Overload> overloads;

  // Operators and keyword forms are not called by name.
  bool IsFunction() const { return usage.starts_with(name) && usage.substr(name.size()).starts_with('('); }
};

std::vector<Operation> ArithmeticOperations();
std::vector<Operation> LogicOperations();
std::vector<Operation> TextOperations();
std::vector<Operation> TimeOperations();
std::vector<Operation> CastOperations();

// All of them; built once.
std::span<const Operation> AllOperations();
// nullptr when there is none of that name.
const Operation* FindOperation(std::string_view name);
// The cast to a type, named as the type is.
const Operation& CastTo(DataType type);

}  // namespace millrace::feature::expression
