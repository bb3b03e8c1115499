#include <cmath>
#include <tuple>

#include "feature/expression/operation.h"

namespace millrace::feature::expression {
namespace {

constexpr DataType kBool = DataType::kBool;
constexpr DataType kInt = DataType::kInt64;
constexpr DataType kReal = DataType::kDouble;
constexpr DataType kString = DataType::kString;
constexpr DataType kTime = DataType::kTimestamp;

template <typename T>
std::partial_ordering Order(T a, T b) {
  return a <=> b;
}

// Exact, where converting the integer would round it.
std::partial_ordering Order(int64_t a, double b) {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  if (b >= 0x1p63) return std::partial_ordering::less;
  if (b < -0x1p63) return std::partial_ordering::greater;
  const auto whole = static_cast<int64_t>(b);
  if (a != whole) return a <=> whole;
  return 0.0 <=> b - static_cast<double>(whole);
}
std::partial_ordering Order(double a, int64_t b) { return 0 <=> Order(b, a); }

struct Equal {
  static bool Holds(std::partial_ordering o) { return o == 0; }
};
struct NotEqual {
  static bool Holds(std::partial_ordering o) { return o != 0; }
};
struct Less {
  static bool Holds(std::partial_ordering o) { return o < 0; }
};
struct LessOrEqual {
  static bool Holds(std::partial_ordering o) { return o <= 0; }
};
struct Greater {
  static bool Holds(std::partial_ordering o) { return o > 0; }
};
struct GreaterOrEqual {
  static bool Holds(std::partial_ordering o) { return o >= 0; }
};

template <typename Relation, typename A, typename B>
uint8_t Compare(A a, B b) {
  return Relation::Holds(Order(a, b)) ? 1 : 0;
}

template <typename Relation, typename A, typename B>
constexpr Kernel kCompare = Total<Compare<Relation, A, B>, uint8_t, A, B>;

template <typename Relation>
Operation Comparison(std::string_view name, std::string_view usage, std::string_view meaning) {
  return {.name = name,
          .usage = usage,
          .meaning = meaning,
          .min_arguments = 2,
          .max_arguments = 2,
          .overloads = {{{kInt, kInt}, kBool, kCompare<Relation, int64_t, int64_t>},
                        {{kReal, kReal}, kBool, kCompare<Relation, double, double>},
                        {{kInt, kReal}, kBool, kCompare<Relation, int64_t, double>},
                        {{kReal, kInt}, kBool, kCompare<Relation, double, int64_t>},
                        {{kString, kString}, kBool, kCompare<Relation, Text, Text>},
                        {{kTime, kTime}, kBool, kCompare<Relation, int64_t, int64_t>},
                        {{kBool, kBool}, kBool, kCompare<Relation, uint8_t, uint8_t>}}};
}

// Kleene's logic: `decisive` (false for and, true for or) wins over null.
template <uint8_t decisive>
bool Junction(const Frame& frame) {
  const Vector& a = frame.arguments[0];
  const Vector& b = frame.arguments[1];
  const uint8_t* left = a.As<uint8_t>();
  const uint8_t* right = b.As<uint8_t>();
  uint8_t* out = frame.Out<uint8_t>();
  if (a.valid == nullptr && b.valid == nullptr) {
    for (size_t row = 0; row < frame.size; ++row) {
      out[row] = decisive != 0 ? left[row] | right[row] : left[row] & right[row];
    }
    return false;
  }
  for (size_t row = 0; row < frame.size; ++row) {
    const bool a_null = a.IsNull(row);
    const bool b_null = b.IsNull(row);
    const bool decided = (!a_null && left[row] == decisive) || (!b_null && right[row] == decisive);
    out[row] = decided ? decisive : 1 - decisive;
    frame.valid[row] = decided || (!a_null && !b_null) ? 1 : 0;
  }
  return true;
}

uint8_t Not(uint8_t a) { return a ^ 1; }

bool IsNull(const Frame& frame) {
  uint8_t* out = frame.Out<uint8_t>();
  for (size_t row = 0; row < frame.size; ++row) out[row] = frame.arguments[0].IsNull(row) ? 1 : 0;
  return false;
}

template <typename T>
bool Coalesce(const Frame& frame) {
  T* out = frame.Out<T>();
  for (size_t row = 0; row < frame.size; ++row) {
    out[row] = T{};
    frame.valid[row] = 0;
    for (const Vector& argument : frame.arguments) {
      if (argument.IsNull(row)) continue;
      out[row] = argument.As<T>()[row];
      frame.valid[row] = 1;
      break;
    }
  }
  return true;
}

template <typename T>
bool NullIf(const Frame& frame) {
  const Vector& a = frame.arguments[0];
  const Vector& b = frame.arguments[1];
  T* out = frame.Out<T>();
  for (size_t row = 0; row < frame.size; ++row) {
    const T value = a.As<T>()[row];
    const bool equal = !b.IsNull(row) && value == b.As<T>()[row];
    frame.valid[row] = a.IsNull(row) || equal ? 0 : 1;
    out[row] = value;
  }
  return true;
}

// case: condition, value, otherwise; a null condition is not true.
template <typename T>
bool Choose(const Frame& frame) {
  const Vector& condition = frame.arguments[0];
  T* out = frame.Out<T>();
  for (size_t row = 0; row < frame.size; ++row) {
    const bool holds = !condition.IsNull(row) && condition.As<uint8_t>()[row] != 0;
    const Vector& chosen = frame.arguments[holds ? 1 : 2];
    out[row] = chosen.As<T>()[row];
    frame.valid[row] = chosen.IsNull(row) ? 0 : 1;
  }
  return frame.arguments[1].valid != nullptr || frame.arguments[2].valid != nullptr;
}

// As x == a or x == b or …: null when not found and x or an item is null.
template <typename T>
bool In(const Frame& frame) {
  const Vector& x = frame.arguments[0];
  uint8_t* out = frame.Out<uint8_t>();
  for (size_t row = 0; row < frame.size; ++row) {
    bool found = false;
    bool unknown = x.IsNull(row);
    for (const Vector& item : frame.arguments.subspan(1)) {
      const bool null = item.IsNull(row);
      unknown |= null;
      found |= !null && x.As<T>()[row] == item.As<T>()[row];
    }
    found = found && !x.IsNull(row);
    out[row] = found ? 1 : 0;
    frame.valid[row] = found || !unknown ? 1 : 0;
  }
  return true;
}

// One overload a type; F<T>(parameters, result) makes it.
template <typename Make>
std::vector<Overload> ForEachType(Make make) {
  return {
    make.template operator()<uint8_t>(kBool),
    make.template operator()<int64_t>(kInt),
    make.template operator()<double>(kReal),
    make.template operator()<Text>(kString),
    make.template operator()<int64_t>(kTime)
  };
}

std::vector<Operation> NullOperations() {
  return {{.name = "is null",
           .usage = "x is null",
           .meaning = "true for null; x is not null is the opposite",
           .overloads = ForEachType([]<typename T>(DataType t) { return Overload{{t}, kBool, IsNull}; })},
          {.name = "coalesce",
           .usage = "coalesce(a, b, …)",
           .meaning = "the first that is not null",
           .form = Operation::Form::kUnified,
           .min_arguments = 1,
           .max_arguments = 64,
           .overloads = ForEachType([]<typename T>(DataType t) { return Overload{{t}, t, Coalesce<T>}; })},
          {.name = "nullif",
           .usage = "nullif(a, b)",
           .meaning = "null where a equals b, else a",
           .form = Operation::Form::kUnified,
           .min_arguments = 2,
           .max_arguments = 2,
           .overloads = ForEachType([]<typename T>(DataType t) { return Overload{{t}, t, NullIf<T>}; })},
          {.name = "in",
           .usage = "x in (a, b, …)",
           .meaning = "true when x equals one of the list",
           .form = Operation::Form::kUnified,
           .min_arguments = 2,
           .max_arguments = 1024,
           .overloads = ForEachType([]<typename T>(DataType t) { return Overload{{t}, kBool, In<T>}; })},
          // The typing of a case makes each branch one of these.
          {.name = "case",
           .usage = "case when c then v else w end",
           .meaning = "the value of the first condition that is true; if(c, v, w) is the same",
           .min_arguments = 3,
           .max_arguments = 3,
           .overloads =
               ForEachType([]<typename T>(DataType t) { return Overload{{kBool, t, t}, t, Choose<T>}; })}};
}

}  // namespace

std::vector<Operation> LogicOperations() {
  std::vector<Operation> operations = {
      Comparison<Equal>("==", "a == b", "equal"),
      Comparison<NotEqual>("!=", "a != b", "not equal"),
      Comparison<Less>("<", "a < b", "less; text by its bytes, false before true"),
      Comparison<LessOrEqual>("<=", "a <= b", "less or equal"),
      Comparison<Greater>(">", "a > b", "greater"),
      Comparison<GreaterOrEqual>(">=", "a >= b", "greater or equal"),
      {.name = "and",
       .usage = "a and b",
       .meaning = "false if either is false, else null if either is null",
       .min_arguments = 2,
       .max_arguments = 2,
       .overloads = {{{kBool, kBool}, kBool, Junction<0>}}},
      {.name = "or",
       .usage = "a or b",
       .meaning = "true if either is true, else null if either is null",
       .min_arguments = 2,
       .max_arguments = 2,
       .overloads = {{{kBool, kBool}, kBool, Junction<1>}}},
      {.name = "not",
       .usage = "not a",
       .meaning = "the opposite",
       .overloads = {{{kBool}, kBool, Total<Not, uint8_t, uint8_t>}}},
  };
  for (Operation& operation : NullOperations()) operations.push_back(std::move(operation));
  return operations;
}

}  // namespace millrace::feature::expression
