#include "feature/expression.h"

#include <algorithm>

#include "feature/expression/operation.h"
#include "feature/expression/program.h"
#include "feature/expression/syntax.h"
#include "feature/expression/typing.h"

namespace millrace::feature {

Result<Expression> Expression::Compile(std::string_view text, const Schema& schema) {
  MR_ASSIGN_OR_RETURN(const expression::Node node, expression::Parse(text));
  MR_ASSIGN_OR_RETURN(const expression::TypedNode typed, expression::Bind(node, schema));
  return Expression(std::make_shared<const expression::Program>(
      expression::Program::Build(typed, schema, expression::Format(node))));
}

DataType Expression::type() const { return program_->type(); }
const std::vector<std::string>& Expression::Columns() const { return program_->column_names(); }
const std::vector<size_t>& Expression::ColumnIndices() const { return program_->column_indices(); }
bool Expression::IsColumn() const { return program_->IsColumn(); }
const std::string& Expression::Canonical() const { return program_->canonical(); }

Result<Column> Expression::Evaluate(const Table& table) const {
  std::vector<Column> columns;
  for (size_t i = 0; i < Columns().size(); ++i) {
    MR_ASSIGN_OR_RETURN(Column column, table.Find(Columns()[i]));
    const DataType wanted = program_->column_types()[i];
    if (column.type() != wanted) {
      return InvalidArgument("column {} is {}, but {} was compiled for {}", Columns()[i],
                             DataTypeName(column.type()), Canonical(), DataTypeName(wanted));
    }
    columns.push_back(std::move(column));
  }
  return program_->Evaluate(columns, table.num_rows());
}

Cell Expression::EvaluateRow(std::span<const Cell> row, Scratch& scratch) const {
  return program_->EvaluateRow(row, *scratch.registers_);
}

std::vector<std::string> Expression::FunctionNames() {
  std::vector<std::string> names = {"if"};
  for (const expression::Operation& operation : expression::AllOperations()) {
    if (operation.IsFunction()) names.emplace_back(operation.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Expression::Scratch::Scratch(const Expression& expression)
    : registers_(std::make_unique<expression::Registers>(*expression.program_, 1)) {}
Expression::Scratch::Scratch(Scratch&&) noexcept = default;
Expression::Scratch& Expression::Scratch::operator=(Scratch&&) noexcept = default;
Expression::Scratch::~Scratch() = default;

}  // namespace millrace::feature
