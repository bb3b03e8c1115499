// Expression: a typed formula over the columns of a row, such as
//
//   hour(tx_datetime, 'Europe/Zurich') <= 6 and coalesce(tx_amount, 0) > 100
//
// compiled once against a Schema to a program of registers, and run by one
// evaluator: over the columns of a Table in batches, and over one row of a
// request with the very same kernels and a batch of one. So both give the same
// bits. Nothing depends on locale, time or place; sqrt and the four operations
// are IEEE 754, and exp, log, log1p and pow are the C library's, so equal
// inputs give equal bits within one installation.
//
// Language (names are exact, keywords are in any case; tightest binding last):
//   or | and | not | == != < <= > >=, is [not] null, [not] in (…) | + - | * / // % | -x
//   literals  42  1.5e3  'text, with '' for a quote'  true  false  null
//   columns   tx_amount  "a name with spaces"
//   case when c then v … [else v] end,  if(c, a, b),  coalesce, nullif
//   functions: see expression/README.md, or Expression::FunctionNames()
//
// Rules that decide values, for every function:
// * Types are bool, int64, double, string and timestamp. Only int64 → double is
//   implicit, where a double is wanted; everything else is a cast in the text:
//   double(x), int64(x), string(x), bool(x), timestamp(x).
// * Null in, null out, but for: and/or/not (three-valued), is null, coalesce,
//   nullif, if/case (a null condition is not true).
// * No silent wrong number: int64 arithmetic that overflows, int64 division by
//   zero, and a cast that the value does not survive are null. `/` always gives
//   a double; // and % round towards minus infinity, as Python's. Doubles follow
//   IEEE 754 (1.0 / 0 is inf, NaN compares false but for !=). int64 and double
//   are compared exactly.
// * Text is UTF-8; length and substring count code points, upper and lower map
//   ASCII. A string built longer than 64 KiB is null.
//
// Limits on the text: 4 KiB, 64 levels deep, 1024 nodes, 64 of them that build
// strings. Compile fails with a sentence that gives the position (1-based) in
// the text, what is wrong, what would be right and the nearest known name.
// Evaluation cannot fail on values.
//
// Ownership and threads: an Expression is immutable; copies share the program
// and may be used from any thread. A Scratch holds the registers and the text
// of results; each thread has its own.
//
//   MR_ASSIGN_OR_RETURN(Expression night, Expression::Compile("hour(t) <= 6", schema));
//   MR_ASSIGN_OR_RETURN(Column column, night.Evaluate(table));   // offline
//   Expression::Scratch scratch(night);                          // online, once
//   Cell value = night.EvaluateRow(row, scratch);                // per request; allocates nothing
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/value.h"
#include "feature/cell.h"
#include "table/table.h"

namespace millrace::feature {

namespace expression {
class Program;
struct Registers;
}  // namespace expression

class Expression {
 public:
  class Scratch;

  // InvalidArgument on anything that is wrong with `text`.
  static Result<Expression> Compile(std::string_view text, const Schema& schema);

  DataType type() const;
  // The columns that the text names, each once, in the order of the schema.
  const std::vector<std::string>& Columns() const;
  // Their places in the schema that it was compiled against.
  const std::vector<size_t>& ColumnIndices() const;
  // True when the whole expression is one column's name; it then costs nothing.
  bool IsColumn() const;
  // The same formula for every spelling (spaces, case of keywords, redundant
  // parentheses): for digests. Compiles to an equal expression.
  const std::string& Canonical() const;

  // One value a row. Columns are found by name; InvalidArgument when one is
  // missing from the table or has another type than at Compile.
  Result<Column> Evaluate(const Table& table) const;

  // `row`: one Cell for each column of the schema that it was compiled against
  // (only those of ColumnIndices() are looked at). The text of a string result
  // lives in `row` or in `scratch` until the next call. Allocates only while
  // scratch still grows to the longest strings seen.
  Cell EvaluateRow(std::span<const Cell> row, Scratch& scratch) const;

  // All functions that can be called, sorted.
  static std::vector<std::string> FunctionNames();

 private:
  explicit Expression(std::shared_ptr<const expression::Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const expression::Program> program_;  // shared: copies run the same program
};

// The registers of one Expression for one thread.
class Expression::Scratch {
 public:
  explicit Scratch(const Expression& expression);
  Scratch(Scratch&&) noexcept;
  Scratch& operator=(Scratch&&) noexcept;
  ~Scratch();

 private:
  friend class Expression;
  std::unique_ptr<expression::Registers> registers_;
};

}  // namespace millrace::feature
