#include "table/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace millrace {
namespace {

Table Mixed() {
  return Table::Create(Schema({{"id", DataType::kInt64},
                               {"amount", DataType::kDouble},
                               {"name", DataType::kString},
                               {"flag", DataType::kBool},
                               {"at", DataType::kTimestamp}}),
                       {Column::Ints({1, (int64_t{1} << 53) + 1, 3}),
                        Column::Doubles({0.5, 9, -0.0}, {1, 0, 1}), Column::Strings({0, 1, 1, 4}, "aüx"),
                        Column::Bools({1, 0, 1}, {1, 1, 0}), Column::Timestamps({0, 7, 8})})
      .value();
}

TEST(Column, ValuesUnderNullsAreZeroAndTheOthersAreKept) {
  const Table table = Mixed();
  EXPECT_EQ(table.column(0).Get(1), Value(int64_t{9007199254740993}));
  EXPECT_EQ(table.column(1).Get(1), Value(Null{}));
  EXPECT_EQ(table.column(1).doubles()[1], 0.0);
  EXPECT_TRUE(std::signbit(table.column(1).doubles()[2]));
  EXPECT_EQ(table.column(2).Get(1), Value(std::string()));
  EXPECT_EQ(table.column(2).Get(2), Value(std::string("üx")));
  EXPECT_EQ(table.column(3).Get(2), Value(Null{}));
  EXPECT_EQ(table.column(4).Get(1), Value(EventTime{7}));
}

TEST(Column, AValidityWithoutAZeroMeansThatNothingIsNull) {
  EXPECT_FALSE(Column::Ints({1, 2}, {1, 1}).has_nulls());
  EXPECT_TRUE(Column::Ints({1, 2}, {1, 0}).has_nulls());
}

TEST(Column, TakeRepeatsAndReordersRowsOfEveryType) {
  const std::vector<int64_t> rows = {2, 0, 2, 1};
  const Table taken = Mixed().Take(rows);
  ASSERT_EQ(taken.num_rows(), 4u);
  for (size_t c = 0; c < taken.num_columns(); ++c) {
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(taken.column(c).Get(i), Mixed().column(c).Get(static_cast<size_t>(rows[i])));
    }
  }
}

TEST(Column, MoveLeavesTheOtherRowsAndWhoElseHoldsThem) {
  const std::vector<int64_t> to = {0, 2};
  const std::vector<int64_t> from = {2, 1};
  const Table kept = Mixed();
  const Table expected = kept.Take(std::vector<int64_t>{2, 1, 1});
  const Table copied = Table(kept).Move(to, from);
  const Table in_place = Mixed().Move(to, from);
  for (size_t c = 0; c < kept.num_columns(); ++c) {
    for (size_t row = 0; row < 3; ++row) {
      EXPECT_EQ(kept.column(c).Get(row), Mixed().column(c).Get(row));
      EXPECT_EQ(copied.column(c).Get(row), expected.column(c).Get(row));
      EXPECT_EQ(in_place.column(c).Get(row), expected.column(c).Get(row));
    }
  }
}

TEST(ColumnBuilder, RefusesAnotherTypeAndSaysWhich) {
  ColumnBuilder builder(DataType::kInt64);
  EXPECT_TRUE(builder.Append(int64_t{1}).ok());
  const Status status = builder.Append(1.5);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("1.5 is a double"), std::string::npos) << status.message();
}

TEST(ColumnBuilder, BuildsEveryTypeWithNulls) {
  const Table mixed = Mixed();
  for (size_t c = 0; c < mixed.num_columns(); ++c) {
    ColumnBuilder builder(mixed.column(c).type());
    for (size_t i = 0; i < mixed.num_rows(); ++i) ASSERT_TRUE(builder.Append(mixed.column(c).Get(i)).ok());
    builder.AppendNull();
    const Column built = std::move(builder).Finish();
    ASSERT_EQ(built.size(), 4u);
    EXPECT_TRUE(built.IsNull(3));
    for (size_t i = 0; i < mixed.num_rows(); ++i) EXPECT_EQ(built.Get(i), mixed.column(c).Get(i));
  }
}

TEST(Table, CreateRefusesWhatDoesNotFitTogether) {
  const Schema two({{"a", DataType::kInt64}, {"b", DataType::kDouble}});
  EXPECT_FALSE(Table::Create(two, {Column::Ints({1})}).ok());
  EXPECT_FALSE(Table::Create(two, {Column::Ints({1}), Column::Ints({1})}).ok());
  EXPECT_FALSE(Table::Create(two, {Column::Ints({1}), Column::Doubles({1, 2})}).ok());
  EXPECT_FALSE(Table::Create(Schema({{"a", DataType::kInt64}, {"a", DataType::kInt64}}),
                             {Column::Ints({1}), Column::Ints({1})})
                   .ok());
}

TEST(Table, AnUnknownColumnNamesTheNearest) {
  const Status status = Mixed().Find("amuont").status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_NE(status.message().find("did you mean 'amount'"), std::string::npos) << status.message();
}

TEST(Table, ConcatenateKeepsNullsOfAnyPart) {
  const Schema schema({{"x", DataType::kString}});
  const Table a = Table::Create(schema, {Column::Strings({0, 2}, "ab")}).value();
  const Table b = Table::Create(schema, {Column::Strings({0, 0, 1}, "c", {0, 1})}).value();
  const Table none = Table::Create(schema, {Column::Strings({0}, "")}).value();
  const Table whole = Table::Concatenate(std::vector<Table>{a, none, b}).value();
  ASSERT_EQ(whole.num_rows(), 3u);
  EXPECT_EQ(whole.column(0).Get(0), Value(std::string("ab")));
  EXPECT_TRUE(whole.column(0).IsNull(1));
  EXPECT_EQ(whole.column(0).Get(2), Value(std::string("c")));
  EXPECT_FALSE(Table::Concatenate(std::vector<Table>{a, Mixed()}).ok());
}

}  // namespace
}  // namespace millrace
