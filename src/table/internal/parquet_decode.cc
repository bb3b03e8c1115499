// Column chunks into vectors: the pages are decoded straight to where the values
// stay, and only then widened or spread over the nulls, in place and from behind.
#include <parquet/column_reader.h>
#include <parquet/exception.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "base/text.h"
#include "table/internal/parquet_file.h"

namespace millrace::internal {
namespace {

constexpr int64_t kBatch = 1 << 16;
constexpr int64_t kMicrosADay = 86'400'000'000;

// Within this file only: becomes a Status before anybody else sees it.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Moves `count` dense values to the rows that are valid, from behind; 0 elsewhere.
template <typename T>
void Spread(T* values, int64_t count, const int16_t* levels, int64_t rows) {
  for (int64_t row = rows - 1; row >= 0; --row) values[row] = levels[row] != 0 ? values[--count] : T{};
}

void NoteValid(ChunkTarget& target, int64_t done, int64_t total, const int16_t* levels, int64_t rows) {
  if (target.valid.empty()) target.valid.assign(static_cast<size_t>(total), 1);
  for (int64_t i = 0; i < rows; ++i) target.valid[static_cast<size_t>(done + i)] = levels[i] != 0 ? 1 : 0;
}

// One batch as the library decodes it: `values` dense values for `rows` rows from
// row `done` on; `levels` says which rows have one, and is null when all have.
struct Batch {
  int64_t done = 0;
  int64_t rows = 0;
  int64_t values = 0;
  const int16_t* levels = nullptr;
};

// Decodes all pages. place(done) is where a batch's values go, and has room for
// them; take(values, batch) then has them until the next batch.
template <typename Physical, typename Place, typename Take>
void ReadBatches(parquet::ColumnReader& any, int64_t rows, Place place, Take take) {
  auto& reader = static_cast<parquet::TypedColumnReader<Physical>&>(any);
  const bool nullable = any.descr()->max_definition_level() > 0;
  std::vector<int16_t> levels(nullable ? static_cast<size_t>(std::min(rows, kBatch)) : 0);
  Batch batch{.levels = nullable ? levels.data() : nullptr};
  while (batch.done < rows) {
    auto* begin = place(batch.done);
    batch.rows = reader.ReadBatch(std::min(rows - batch.done, kBatch), nullable ? levels.data() : nullptr,
                                  nullptr, begin, &batch.values);
    const int64_t with_value =
        nullable ? std::count(levels.data(), levels.data() + batch.rows, int16_t{1}) : batch.rows;
    if (batch.rows <= 0 || batch.values != with_value) {
      throw parquet::ParquetException("a column ends before its rows do");
    }
    take(begin, batch);
    batch.done += batch.rows;
  }
}

template <typename T>
void PlaceNulls(T* begin, const Batch& batch, int64_t total, ChunkTarget& target) {
  if (batch.values == batch.rows && target.valid.empty()) return;
  NoteValid(target, batch.done, total, batch.levels, batch.rows);
  Spread(begin, batch.values, batch.levels, batch.rows);
}

// For columns stored as we keep them: decoded to where they stay. check(values,
// count, done) may look at them or change them.
template <typename Physical, typename T, typename Check>
void ReadInPlace(parquet::ColumnReader& reader, int64_t rows, ChunkTarget& target, T* to, Check check) {
  ReadBatches<Physical>(
      reader, rows, [&](int64_t done) { return to + done; },
      [&](T* begin, const Batch& batch) {
        check(begin, batch.values, batch.done);
        PlaceNulls(begin, batch, rows, target);
      });
}

// For stored types narrower or other than ours: through a scratch batch.
template <typename Physical, typename T, typename Convert>
void ReadConverted(parquet::ColumnReader& reader, int64_t rows, ChunkTarget& target, T* to, Convert convert) {
  using From = typename Physical::c_type;
  // No vector: one of bool has no data().
  const auto scratch = std::make_unique<From[]>(static_cast<size_t>(std::min(rows, kBatch)));
  ReadBatches<Physical>(
      reader, rows, [&](int64_t) { return scratch.get(); },
      [&](const From* values, const Batch& batch) {
        T* begin = to + batch.done;
        std::transform(values, values + batch.values, begin, convert);
        PlaceNulls(begin, batch, rows, target);
      });
}

int64_t ScaledToMicros(int64_t value, int64_t factor) {
  int64_t micros = 0;
  if (__builtin_mul_overflow(value, factor, &micros))
    throw Refused("a timestamp is beyond the years that can be told");
  return micros;
}

int64_t NanosToMicros(int64_t nanos) {
  if (nanos % 1000 != 0) {
    throw Refused(
        fmt::format("a timestamp of {} ns is no whole microsecond, and would have to be rounded; "
                    "write the column in microseconds",
                    nanos));
  }
  return nanos / 1000;
}

int64_t Int96ToMicros(const parquet::Int96& value) {
  const int64_t days = int64_t{value.value[2]} - 2'440'588;  // Julian day of 1970-01-01
  const uint64_t nanos = (uint64_t{value.value[1]} << 32) | value.value[0];
  if (nanos >= static_cast<uint64_t>(kMicrosADay) * 1000)
    throw Refused("a timestamp's time of day is beyond a day");
  return ScaledToMicros(days, kMicrosADay) + NanosToMicros(static_cast<int64_t>(nanos));
}

void ToUtc(const ParquetColumn& column, const TimeZone& zone, int64_t rows, ChunkTarget& target) {
  if (column.decoding != Decoding::kDate && !column.local_time) return;
  if (zone.IsUtc()) return;
  for (int64_t i = 0; i < rows; ++i) {
    if (!target.valid.empty() && target.valid[static_cast<size_t>(i)] == 0) continue;
    target.ints[i] = zone.FromLocal(target.ints[i]).micros;
  }
}

constexpr auto kAcceptAll = [](const auto*, int64_t, int64_t) {};

void CheckUnsigned(const int64_t* values, int64_t count, int64_t done) {
  for (int64_t i = 0; i < count; ++i) {
    if (values[i] >= 0) continue;
    throw Refused(fmt::format("the unsigned {} near row {} is above 2^63 - 1, the largest int64",
                              static_cast<uint64_t>(values[i]), done + i + 1));
  }
}

void ReadIntegers(parquet::ColumnReader& reader, const ParquetColumn& column, int64_t rows,
                  ChunkTarget& target) {
  const auto in_place = [&](auto check) {
    ReadInPlace<parquet::Int64Type>(reader, rows, target, target.ints, check);
  };
  const auto scaled = [&](auto convert) {
    in_place([&](int64_t* values, int64_t count, int64_t) {
      std::transform(values, values + count, values, convert);
    });
  };
  const auto widened = [&](auto convert) {
    ReadConverted<parquet::Int32Type>(reader, rows, target, target.ints, convert);
  };
  switch (column.decoding) {
    case Decoding::kInt64:
    case Decoding::kMicros:
      in_place(kAcceptAll);
      break;
    case Decoding::kUInt64:
      in_place(CheckUnsigned);
      break;
    case Decoding::kMillis:
      scaled([](int64_t v) { return ScaledToMicros(v, 1000); });
      break;
    case Decoding::kNanos:
      scaled(NanosToMicros);
      break;
    case Decoding::kInt32:
      widened([](int32_t v) { return int64_t{v}; });
      break;
    case Decoding::kUInt32:
      widened([](int32_t v) { return int64_t{static_cast<uint32_t>(v)}; });
      break;
    case Decoding::kDate:
      widened([](int32_t days) { return days * kMicrosADay; });
      break;
    case Decoding::kInt96:
      ReadConverted<parquet::Int96Type>(reader, rows, target, target.ints, Int96ToMicros);
      break;
    default:
      MR_CHECK(false, "not a column of integers");
  }
}

void ReadText(parquet::ColumnReader& reader, int64_t rows, ChunkTarget& target) {
  std::vector<parquet::ByteArray> scratch(static_cast<size_t>(std::min(rows, kBatch)));
  ReadBatches<parquet::ByteArrayType>(
      reader, rows, [&](int64_t) { return scratch.data(); },
      [&](const parquet::ByteArray* value, const Batch& batch) {
        // The bytes belong to the page: copied before the next one is read.
        for (int64_t i = 0; i < batch.rows; ++i) {
          if (batch.levels == nullptr || batch.levels[i] != 0) {
            const std::string_view text(reinterpret_cast<const char*>(value->ptr), value->len);
            if (!IsUtf8(text)) {
              throw Refused(fmt::format("the text near row {} is not UTF-8", batch.done + i + 1));
            }
            target.text += text;
            ++value;
          }
          target.text_ends.push_back(static_cast<int64_t>(target.text.size()));
        }
        if (batch.values < batch.rows || !target.valid.empty()) {
          NoteValid(target, batch.done, rows, batch.levels, batch.rows);
        }
      });
}

void ReadColumn(parquet::ColumnReader& reader, const ParquetColumn& column, int64_t rows,
                ChunkTarget& target) {
  switch (column.decoding) {
    case Decoding::kBool:
      ReadConverted<parquet::BooleanType>(reader, rows, target, target.bools,
                                          [](bool v) { return static_cast<uint8_t>(v ? 1 : 0); });
      break;
    case Decoding::kFloat:
      ReadConverted<parquet::FloatType>(reader, rows, target, target.doubles,
                                        [](float v) { return double{v}; });
      break;
    case Decoding::kDouble:
      ReadInPlace<parquet::DoubleType>(reader, rows, target, target.doubles, kAcceptAll);
      break;
    case Decoding::kText:
      ReadText(reader, rows, target);
      break;
    default:
      ReadIntegers(reader, column, rows, target);
      break;
  }
}

}  // namespace

Status ParquetFile::ReadChunk(int row_group, const ParquetColumn& column, const TimeZone& zone,
                              ChunkTarget& target) const {
  const int64_t rows = RowsOf(row_group);
  if (rows == 0) return Ok();
  try {
    const std::shared_ptr<parquet::ColumnReader> reader = reader_->RowGroup(row_group)->Column(column.index);
    ReadColumn(*reader, column, rows, target);
    ToUtc(column, zone, rows, target);
    return Ok();
  } catch (const Refused& refused) {
    return InvalidArgument("{}: column '{}': {}", path_, column.field.name, refused.what());
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("{}: column '{}' does not fit into memory", path_, column.field.name);
  } catch (const std::exception& failure) {
    return DataLoss("{} is damaged: column '{}': {}", path_, column.field.name, failure.what());
  }
}

}  // namespace millrace::internal
