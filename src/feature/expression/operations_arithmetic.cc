#include <cmath>
#include <limits>
#include <tuple>

#include "feature/expression/operation.h"

namespace millrace::feature::expression {
namespace {

constexpr DataType kInt = DataType::kInt64;
constexpr DataType kReal = DataType::kDouble;
constexpr DataType kTime = DataType::kTimestamp;
constexpr DataType kString = DataType::kString;
constexpr DataType kBool = DataType::kBool;
constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();

bool AddInt(int64_t a, int64_t b, int64_t& out) { return !__builtin_add_overflow(a, b, &out); }
bool SubtractInt(int64_t a, int64_t b, int64_t& out) { return !__builtin_sub_overflow(a, b, &out); }
bool MultiplyInt(int64_t a, int64_t b, int64_t& out) { return !__builtin_mul_overflow(a, b, &out); }
bool NegateInt(int64_t a, int64_t& out) { return !__builtin_sub_overflow(int64_t{0}, a, &out); }

bool FloorDivideInt(int64_t a, int64_t b, int64_t& out) {
  if (b == 0 || (a == kLowest && b == -1)) return false;
  out = a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
  return true;
}

bool ModuloInt(int64_t a, int64_t b, int64_t& out) {
  if (b == 0) return false;
  if (b == -1) return true;  // 0, and a % b would trap for the lowest a
  out = a % b;
  if (out != 0 && (out < 0) != (b < 0)) out += b;
  return true;
}

double Add(double a, double b) { return a + b; }
double Subtract(double a, double b) { return a - b; }
double Multiply(double a, double b) { return a * b; }
double Divide(double a, double b) { return a / b; }
double Negate(double a) { return -a; }

// As CPython's float_rem and float_floor_div (Objects/floatobject.c), but for
// a division by zero, which follows IEEE 754.
double Modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  if ((b < 0) != (rest < 0)) rest += b;
  return rest;
}

double FloorDivide(double a, double b) {
  if (b == 0) return a / b;
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

bool AbsInt(int64_t a, int64_t& out) {
  out = a < 0 && a != kLowest ? -a : a;
  return a != kLowest;
}
double Abs(double a) { return std::fabs(a); }
int64_t SignInt(int64_t a) { return (a > 0) - (a < 0); }
double Sign(double a) { return std::isnan(a) ? a : static_cast<double>((a > 0) - (a < 0)); }
uint8_t IsNan(double a) { return std::isnan(a) ? 1 : 0; }
int64_t Same(int64_t a) { return a; }
double Floor(double a) { return std::floor(a); }
double Ceil(double a) { return std::ceil(a); }
double Round(double a) { return std::nearbyint(a); }
double Sqrt(double a) { return std::sqrt(a); }
double Log(double a) { return std::log(a); }
double Log1p(double a) { return std::log1p(a); }
double Exp(double a) { return std::exp(a); }
double Pow(double a, double b) { return std::pow(a, b); }

template <typename T>
bool IsNanValue(T) {
  return false;
}
template <>
bool IsNanValue<double>(double a) {
  return std::isnan(a);
}
// NaN wins, so that it is not lost.
template <typename T>
T Min(T a, T b) {
  return a < b || IsNanValue(a) ? a : b;
}
template <typename T>
T Max(T a, T b) {
  return a > b || IsNanValue(a) ? a : b;
}
template <typename T>
T Clamp(T x, T low, T high) {
  return Min(Max(x, low), high);
}

Operation Arithmetic(std::string_view name, std::string_view usage, std::string_view meaning, Kernel ints,
                     Kernel doubles) {
  return {.name = name,
          .usage = usage,
          .meaning = meaning,
          .min_arguments = 2,
          .max_arguments = 2,
          .overloads = {{{kInt, kInt}, kInt, ints}, {{kReal, kReal}, kReal, doubles}}};
}

Operation Unary(std::string_view name, std::string_view usage, std::string_view meaning,
                std::vector<Overload> overloads) {
  return {.name = name, .usage = usage, .meaning = meaning, .overloads = std::move(overloads)};
}

Operation Math(std::string_view name, std::string_view usage, std::string_view meaning, Kernel kernel) {
  return Unary(name, usage, meaning, {{{kReal}, kReal, kernel}});
}

Operation Rounding(std::string_view name, std::string_view usage, std::string_view meaning, Kernel kernel) {
  return Unary(name, usage, meaning,
               {{{kInt}, kInt, Total<Same, int64_t, int64_t>}, {{kReal}, kReal, kernel}});
}

std::vector<Operation> Extremes() {
  return {{.name = "min",
           .usage = "min(a, b, …)",
           .meaning = "the least; null if any is null, NaN if any is NaN",
           .form = Operation::Form::kUnified,
           .min_arguments = 2,
           .max_arguments = 64,
           .pairwise = true,
           .overloads = {{{kInt, kInt}, kInt, Total<Min<int64_t>, int64_t, int64_t, int64_t>},
                         {{kReal, kReal}, kReal, Total<Min<double>, double, double, double>},
                         {{kTime, kTime}, kTime, Total<Min<int64_t>, int64_t, int64_t, int64_t>},
                         {{kString, kString}, kString, Total<Min<Text>, Text, Text, Text>}}},
          {.name = "max",
           .usage = "max(a, b, …)",
           .meaning = "the greatest; null if any is null, NaN if any is NaN",
           .form = Operation::Form::kUnified,
           .min_arguments = 2,
           .max_arguments = 64,
           .pairwise = true,
           .overloads = {{{kInt, kInt}, kInt, Total<Max<int64_t>, int64_t, int64_t, int64_t>},
                         {{kReal, kReal}, kReal, Total<Max<double>, double, double, double>},
                         {{kTime, kTime}, kTime, Total<Max<int64_t>, int64_t, int64_t, int64_t>},
                         {{kString, kString}, kString, Total<Max<Text>, Text, Text, Text>}}},
          {.name = "clamp",
           .usage = "clamp(x, low, high)",
           .meaning = "min(max(x, low), high)",
           .form = Operation::Form::kUnified,
           .min_arguments = 3,
           .max_arguments = 3,
           .overloads = {{{kInt}, kInt, Total<Clamp<int64_t>, int64_t, int64_t, int64_t, int64_t>},
                         {{kReal}, kReal, Total<Clamp<double>, double, double, double, double>}}}};
}

}  // namespace

std::vector<Operation> ArithmeticOperations() {
  std::vector<Operation> operations = {
      Arithmetic("+", "a + b", "sum", Partial<AddInt, int64_t, int64_t, int64_t>,
                 Total<Add, double, double, double>),
      Arithmetic("-", "a - b", "difference", Partial<SubtractInt, int64_t, int64_t, int64_t>,
                 Total<Subtract, double, double, double>),
      Arithmetic("*", "a * b", "product", Partial<MultiplyInt, int64_t, int64_t, int64_t>,
                 Total<Multiply, double, double, double>),
      Arithmetic("//", "a // b", "quotient, rounded down", Partial<FloorDivideInt, int64_t, int64_t, int64_t>,
                 Total<FloorDivide, double, double, double>),
      Arithmetic("%", "a % b", "what a // b leaves, with the sign of b",
                 Partial<ModuloInt, int64_t, int64_t, int64_t>, Total<Modulo, double, double, double>),
      {.name = "/",
       .usage = "a / b",
       .meaning = "quotient, always a double",
       .min_arguments = 2,
       .max_arguments = 2,
       .overloads = {{{kReal, kReal}, kReal, Total<Divide, double, double, double>}}},
      Unary("unary -", "-a", "the negative",
            {{{kInt}, kInt, Partial<NegateInt, int64_t, int64_t>},
             {{kReal}, kReal, Total<Negate, double, double>}}),
      Unary(
          "abs", "abs(x)", "the magnitude",
          {{{kInt}, kInt, Partial<AbsInt, int64_t, int64_t>}, {{kReal}, kReal, Total<Abs, double, double>}}),
      Unary(
          "sign", "sign(x)", "-1, 0 or 1; NaN for NaN",
          {{{kInt}, kInt, Total<SignInt, int64_t, int64_t>}, {{kReal}, kReal, Total<Sign, double, double>}}),
      Unary("is_nan", "is_nan(x)", "true for NaN", {{{kReal}, kBool, Total<IsNan, uint8_t, double>}}),
      Rounding("floor", "floor(x)", "the next integer down, in the type of x", Total<Floor, double, double>),
      Rounding("ceil", "ceil(x)", "the next integer up, in the type of x", Total<Ceil, double, double>),
      Rounding("round", "round(x)", "the nearest integer, ties to even, in the type of x",
               Total<Round, double, double>),
      Math("sqrt", "sqrt(x)", "the square root; NaN below 0", Total<Sqrt, double, double>),
      Math("log", "log(x)", "the natural logarithm; -inf at 0, NaN below", Total<Log, double, double>),
      Math("log1p", "log1p(x)", "log(1 + x), exact near 0", Total<Log1p, double, double>),
      Math("exp", "exp(x)", "e to the power of x", Total<Exp, double, double>),
      {.name = "pow",
       .usage = "pow(x, y)",
       .meaning = "x to the power of y",
       .min_arguments = 2,
       .max_arguments = 2,
       .overloads = {{{kReal, kReal}, kReal, Total<Pow, double, double, double>}}},
  };
  for (Operation& extreme : Extremes()) operations.push_back(std::move(extreme));
  return operations;
}

}  // namespace millrace::feature::expression
