// Program: a typed expression as a list of kernel calls over registers.
//
// Registers come in this order: one for each column that is read, one for each
// constant, and temporaries, which are used again once their value is consumed.
// A run sets the columns' registers, executes the calls in order, and finds the
// result in the last call's register. Immutable after Build; any number of
// threads may run it, each with its own Registers.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/value.h"
#include "feature/cell.h"
#include "feature/expression/kernel.h"
#include "feature/expression/typing.h"
#include "table/table.h"

namespace millrace::feature::expression {

class Program;

// What one run at a time needs: where registers are, and their memory.
struct Registers {
  // For runs of up to `rows` rows.
  Registers(const Program& program, size_t rows);

  size_t rows;
  std::vector<Vector> vectors;      // one a register
  std::vector<void*> values;        // of temporaries; nullptr for the others
  std::vector<uint8_t*> valid;      // likewise
  std::vector<Text*> column_texts;  // for columns of text, one a column; nullptr for other types
  std::vector<Vector> arguments;    // of the call that is running
  std::unique_ptr<std::byte[]> memory;
  TextArena text;
};

class Program {
 public:
  // `canonical` is only kept.
  static Program Build(const TypedNode& root, const Schema& schema, std::string canonical);

  DataType type() const { return type_; }
  const std::string& canonical() const { return canonical_; }
  const std::vector<std::string>& column_names() const { return column_names_; }
  const std::vector<size_t>& column_indices() const { return column_indices_; }
  bool IsColumn() const { return calls_.empty() && !column_indices_.empty(); }

  // Precondition: the columns have the types of column_types(), in that order.
  Column Evaluate(std::span<const Column> columns, size_t size) const;
  std::span<const DataType> column_types() const { return column_types_; }
  Cell EvaluateRow(std::span<const Cell> row, Registers& registers) const;

 private:
  friend struct Registers;

  struct Call {
    Kernel kernel;
    const void* state;
    size_t first_argument;  // in argument_registers_
    size_t argument_count;
    size_t result;  // a register
  };
  struct ConstantValue {
    Value value;
    DataType type;
  };

  struct Builder;

  void SetColumns(std::span<const Column> columns, size_t begin, size_t size, Registers& registers) const;
  void Run(size_t size, Registers& registers) const;
  const Vector& ResultOf(const Registers& registers) const { return registers.vectors[result_]; }

  DataType type_ = DataType::kBool;
  std::string canonical_;
  std::vector<std::string> column_names_;
  std::vector<size_t> column_indices_;
  std::vector<DataType> column_types_;
  std::vector<ConstantValue> constants_;
  std::vector<DataType> temporaries_;
  std::vector<Call> calls_;
  std::vector<size_t> argument_registers_;
  size_t most_arguments_ = 0;
  size_t result_ = 0;
  bool builds_text_ = false;
  std::vector<std::shared_ptr<const TimeZone>> zones_;  // what the calls' states point to
};

}  // namespace millrace::feature::expression
