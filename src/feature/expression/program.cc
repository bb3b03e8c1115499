#include "feature/expression/program.h"

#include <algorithm>
#include <map>

namespace millrace::feature::expression {
namespace {

// Rows of one run over columns: registers stay in the first caches. Programs that
// build strings run fewer, so that their text is bounded (64 rows × 64 calls × 64 KiB).
constexpr size_t kRunRows = 1024;
constexpr size_t kTextRunRows = 64;

size_t WidthOf(DataType type) {
  switch (type) {
    case DataType::kBool:
      return sizeof(uint8_t);
    case DataType::kString:
      return sizeof(Text);
    default:
      return sizeof(int64_t);
  }
}

size_t RoundUp(size_t bytes) { return (bytes + 15) / 16 * 16; }

// Gathers the results of runs into a column.
class Output {
 public:
  Output(DataType type, size_t size) : type_(type), size_(size) {
    switch (type) {
      case DataType::kBool:
        bools_.reserve(size);
        break;
      case DataType::kDouble:
        doubles_.reserve(size);
        break;
      case DataType::kString:
        offsets_.reserve(size + 1);
        break;
      default:
        ints_.reserve(size);
    }
  }

  void Append(const Vector& vector, size_t size) {
    AppendValid(vector, size);
    switch (type_) {
      case DataType::kBool:
        AppendTo(bools_, vector, size);
        break;
      case DataType::kDouble:
        AppendTo(doubles_, vector, size);
        break;
      case DataType::kString:
        AppendText(vector, size);
        break;
      default:
        AppendTo(ints_, vector, size);
    }
    done_ += size;
  }

  Column Finish() && {
    switch (type_) {
      case DataType::kBool:
        return Column::Bools(std::move(bools_), std::move(valid_));
      case DataType::kDouble:
        return Column::Doubles(std::move(doubles_), std::move(valid_));
      case DataType::kString:
        return Column::Strings(std::move(offsets_), std::move(text_), std::move(valid_));
      case DataType::kTimestamp:
        return Column::Timestamps(std::move(ints_), std::move(valid_));
      case DataType::kInt64:
        break;
    }
    return Column::Ints(std::move(ints_), std::move(valid_));
  }

 private:
  void AppendValid(const Vector& vector, size_t size) {
    const bool any_null =
        vector.valid != nullptr && std::find(vector.valid, vector.valid + size, 0) != vector.valid + size;
    if (any_null && valid_.empty()) {
      valid_.reserve(size_);
      valid_.assign(done_, 1);
    }
    if (any_null) {
      valid_.insert(valid_.end(), vector.valid, vector.valid + size);
    } else if (!valid_.empty()) {
      valid_.insert(valid_.end(), size, 1);
    }
  }

  template <typename T>
  static void AppendTo(std::vector<T>& values, const Vector& vector, size_t size) {
    const T* from = vector.As<T>();
    values.insert(values.end(), from, from + size);
    if (vector.valid == nullptr) return;
    T* to = values.data() + values.size() - size;
    for (size_t row = 0; row < size; ++row) {
      if (vector.valid[row] == 0) to[row] = T{};
    }
  }

  void AppendText(const Vector& vector, size_t size) {
    for (size_t row = 0; row < size; ++row) {
      if (!vector.IsNull(row)) text_ += vector.As<Text>()[row];
      offsets_.push_back(static_cast<int64_t>(text_.size()));
    }
  }

  DataType type_;
  size_t size_;
  size_t done_ = 0;
  std::vector<uint8_t> valid_;
  std::vector<uint8_t> bools_;
  std::vector<int64_t> ints_;
  std::vector<double> doubles_;
  std::vector<int64_t> offsets_ = {0};
  std::string text_;
};

void Fill(const Value& value, DataType type, size_t rows, void* out) {
  const ConstantCell cell(value, type);
  switch (type) {
    case DataType::kBool:
      std::fill_n(static_cast<uint8_t*>(out), rows, *cell.vector().As<uint8_t>());
      break;
    case DataType::kDouble:
      std::fill_n(static_cast<double*>(out), rows, *cell.vector().As<double>());
      break;
    case DataType::kString:
      std::fill_n(static_cast<Text*>(out), rows, *cell.vector().As<Text>());
      break;
    default:
      std::fill_n(static_cast<int64_t*>(out), rows, *cell.vector().As<int64_t>());
  }
}

}  // namespace

// Emits calls in post-order and hands out registers. Temporaries are numbered
// apart until the number of constants is known.
struct Program::Builder {
  enum class Kind : uint8_t { kColumn, kConstant, kTemporary };
  struct Place {
    Kind kind;
    size_t index;
  };

  Program& program;
  std::map<size_t, size_t> columns;  // schema index → place among the columns read
  std::map<DataType, std::vector<size_t>> free;
  std::vector<Place> arguments;
  std::vector<size_t> results;  // a temporary for each call

  void FindColumns(const TypedNode& node) {
    if (node.kind == TypedNode::Kind::kColumn) columns.emplace(node.column, 0);
    for (const TypedNode& argument : node.arguments) FindColumns(argument);
  }

  Place Emit(const TypedNode& node) {
    if (node.kind == TypedNode::Kind::kColumn) return {Kind::kColumn, columns.at(node.column)};
    if (node.kind == TypedNode::Kind::kConstant) {
      program.constants_.push_back({node.constant, node.type});
      return {Kind::kConstant, program.constants_.size() - 1};
    }
    std::vector<Place> places;
    for (const TypedNode& argument : node.arguments) places.push_back(Emit(argument));
    // Taken before the arguments are freed: a kernel never writes what it reads.
    const size_t result = TakeTemporary(node.type);
    for (const Place& place : places) {
      if (place.kind == Kind::kTemporary) free[program.temporaries_[place.index]].push_back(place.index);
    }
    program.calls_.push_back({node.kernel, node.zone.get(), arguments.size(), places.size(), 0});
    program.most_arguments_ = std::max(program.most_arguments_, places.size());
    program.builds_text_ |= node.builds_text;
    if (node.zone != nullptr) program.zones_.push_back(node.zone);
    arguments.insert(arguments.end(), places.begin(), places.end());
    results.push_back(result);
    return {Kind::kTemporary, result};
  }

  size_t TakeTemporary(DataType type) {
    std::vector<size_t>& unused = free[type];
    if (unused.empty()) {
      program.temporaries_.push_back(type);
      return program.temporaries_.size() - 1;
    }
    const size_t index = unused.back();
    unused.pop_back();
    return index;
  }

  size_t RegisterOf(Place place) const {
    const size_t constants = program.column_indices_.size();
    switch (place.kind) {
      case Kind::kColumn:
        return place.index;
      case Kind::kConstant:
        return constants + place.index;
      case Kind::kTemporary:
        break;
    }
    return constants + program.constants_.size() + place.index;
  }
};

Program Program::Build(const TypedNode& root, const Schema& schema, std::string canonical) {
  Program program;
  program.type_ = root.type;
  program.canonical_ = std::move(canonical);
  Builder builder{program, {}, {}, {}, {}};
  builder.FindColumns(root);
  for (auto& [column, place] : builder.columns) {
    place = program.column_indices_.size();
    program.column_indices_.push_back(column);
    program.column_names_.push_back(schema[column].name);
    program.column_types_.push_back(schema[column].type);
  }
  const Builder::Place result = builder.Emit(root);
  for (const Builder::Place& place : builder.arguments) {
    program.argument_registers_.push_back(builder.RegisterOf(place));
  }
  for (size_t i = 0; i < program.calls_.size(); ++i) {
    program.calls_[i].result = builder.RegisterOf({Builder::Kind::kTemporary, builder.results[i]});
  }
  program.result_ = builder.RegisterOf(result);
  return program;
}

Registers::Registers(const Program& program, size_t capacity) : rows(capacity) {
  const size_t columns = program.column_indices_.size();
  const size_t constants = program.constants_.size();
  const size_t count = columns + constants + program.temporaries_.size();
  vectors.resize(count);
  values.resize(count);
  valid.resize(count);
  column_texts.resize(columns);
  arguments.resize(program.most_arguments_);
  // Twice over the registers: how much memory they need, and where each begins.
  const auto lay_out = [&](std::byte* base) {
    size_t used = 0;
    const auto take = [&](size_t bytes) {
      const size_t at = used;
      used += RoundUp(bytes);
      return base == nullptr ? nullptr : base + at;
    };
    for (size_t i = 0; i < columns; ++i) {
      if (program.column_types_[i] != DataType::kString) continue;
      column_texts[i] = reinterpret_cast<Text*>(take(rows * sizeof(Text)));
    }
    for (size_t i = columns; i < count; ++i) {
      const DataType type = i < columns + constants ? program.constants_[i - columns].type
                                                    : program.temporaries_[i - columns - constants];
      values[i] = take(rows * WidthOf(type));
      valid[i] = reinterpret_cast<uint8_t*>(take(rows));
    }
    return used;
  };
  memory = std::make_unique<std::byte[]>(lay_out(nullptr));
  lay_out(memory.get());
  for (size_t i = 0; i < constants; ++i) {
    const auto& [value, type] = program.constants_[i];
    const size_t place = columns + i;
    Fill(value, type, rows, values[place]);
    std::fill_n(valid[place], rows, uint8_t{0});
    vectors[place] = {values[place], IsNull(value) ? valid[place] : nullptr};
  }
}

void Program::SetColumns(std::span<const Column> columns, size_t begin, size_t size,
                         Registers& registers) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    Vector& vector = registers.vectors[i];
    switch (column.type()) {
      case DataType::kBool:
        vector.values = column.bools().data() + begin;
        break;
      case DataType::kDouble:
        vector.values = column.doubles().data() + begin;
        break;
      case DataType::kString: {
        Text* const texts = registers.column_texts[i];
        for (size_t row = 0; row < size; ++row) {
          texts[row] = column.IsNull(begin + row) ? Text() : column.String(begin + row);
        }
        vector.values = texts;
        break;
      }
      default:
        vector.values = column.ints().data() + begin;
    }
    vector.valid = column.has_nulls() ? column.valid().data() + begin : nullptr;
  }
}

void Program::Run(size_t size, Registers& registers) const {
  registers.text.Clear();
  for (const Call& call : calls_) {
    for (size_t i = 0; i < call.argument_count; ++i) {
      registers.arguments[i] = registers.vectors[argument_registers_[call.first_argument + i]];
    }
    const Frame frame{std::span<const Vector>(registers.arguments.data(), call.argument_count),
                      size,
                      registers.values[call.result],
                      registers.valid[call.result],
                      &registers.text,
                      call.state};
    const bool has_nulls = call.kernel(frame);
    registers.vectors[call.result] = {frame.values, has_nulls ? frame.valid : nullptr};
  }
}

Column Program::Evaluate(std::span<const Column> columns, size_t size) const {
  if (IsColumn()) return columns[0];
  const size_t rows = std::min(builds_text_ ? kTextRunRows : kRunRows, std::max<size_t>(size, 1));
  Registers registers(*this, rows);
  Output output(type_, size);
  for (size_t begin = 0; begin < size; begin += rows) {
    const size_t run = std::min(rows, size - begin);
    SetColumns(columns, begin, run, registers);
    Run(run, registers);
    output.Append(ResultOf(registers), run);
  }
  return std::move(output).Finish();
}

Cell Program::EvaluateRow(std::span<const Cell> row, Registers& registers) const {
  for (size_t i = 0; i < column_indices_.size(); ++i) {
    const Cell& cell = row[column_indices_[i]];
    Vector& vector = registers.vectors[i];
    switch (column_types_[i]) {
      case DataType::kBool:
        vector.values = &cell.boolean;
        break;
      case DataType::kDouble:
        vector.values = &cell.real;
        break;
      case DataType::kString:
        *registers.column_texts[i] = cell.text();
        vector.values = registers.column_texts[i];
        break;
      default:
        vector.values = &cell.integer;
    }
    vector.valid = cell.is_null() ? &cell.valid : nullptr;
  }
  Run(1, registers);
  const Vector& result = ResultOf(registers);
  if (result.IsNull(0)) return Cell::Null();
  switch (type_) {
    case DataType::kBool:
      return Cell::Bool(*result.As<uint8_t>() != 0);
    case DataType::kDouble:
      return Cell::Double(*result.As<double>());
    case DataType::kString:
      return Cell::Text(*result.As<Text>());
    case DataType::kTimestamp:
      return Cell::Timestamp(EventTime{*result.As<int64_t>()});
    case DataType::kInt64:
      break;
  }
  return Cell::Int(*result.As<int64_t>());
}

}  // namespace millrace::feature::expression
