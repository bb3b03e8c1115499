// The published split of the card data, from its rows to its figures: features
// computed here in the plainest way (no code of Millrace's feature engine), the
// real training child, Millrace's own trees and metrics.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>

#include "base/file.h"
#include "table/parquet.h"
#include "training/evaluate.h"
#include "training/trainer.h"

namespace millrace::training {
namespace {

constexpr int64_t kDay = int64_t{86'400} * 1'000'000;

std::string FraudDirectory() {
  const char* shared = std::getenv("MILLRACE_SHARED");
  return std::string(shared == nullptr ? MILLRACE_SOURCE_DIR "/../shared" : shared) + "/data/fraud";
}

struct Transactions {
  std::vector<int64_t> time, customer, terminal, fraud;
  std::vector<double> amount;
  size_t size() const { return time.size(); }
};

Transactions Read() {
  std::vector<std::string> files;
  for (const char* month : {"06", "07", "08"})
    files.push_back(FraudDirectory() + "/transactions-2018-" + month + ".parquet");
  ParquetReadOptions options;
  options.columns = {"tx_datetime", "customer_id", "terminal_id", "tx_fraud", "tx_amount", "transaction_id"};
  const auto read = ReadParquetFiles(files, options);
  EXPECT_TRUE(read.ok()) << read.status().ToString();
  if (!read.ok()) return {};
  // By position, as everywhere in Millrace: event time, then event id.
  std::vector<int64_t> order(read->num_rows());
  std::iota(order.begin(), order.end(), 0);
  const auto time = read->column(0).ints();
  const auto id = read->column(5).ints();
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const auto i = static_cast<size_t>(a);
    const auto j = static_cast<size_t>(b);
    return std::pair(time[i], id[i]) < std::pair(time[j], id[j]);
  });
  const Table table = read->Take(order);
  const auto ints = [&](size_t i) {
    const auto values = table.column(i).ints();
    return std::vector<int64_t>(values.begin(), values.end());
  };
  const auto amounts = table.column(4).doubles();
  return {ints(0), ints(1), ints(2), ints(3), {amounts.begin(), amounts.end()}};
}

std::map<int64_t, std::vector<size_t>> RowsOf(const std::vector<int64_t>& keys) {
  std::map<int64_t, std::vector<size_t>> rows;
  for (size_t i = 0; i < keys.size(); ++i) rows[keys[i]].push_back(i);
  return rows;
}

// Count, and mean of `values`, over the rows of a row's key in (t − delay − window, t − delay];
// without a delay up to the row itself.
void Windows(const Transactions& all, const std::vector<int64_t>& keys, const std::vector<double>& values,
             int64_t delay, int64_t window, std::vector<double>& count, std::vector<double>& mean) {
  count.assign(all.size(), 0);
  mean.assign(all.size(), 0);
  for (const auto& [key, rows] : RowsOf(keys)) {
    size_t first = 0;
    size_t last = 0;
    for (const size_t row : rows) {
      const int64_t end = all.time[row] - delay;
      while (last < rows.size() && all.time[rows[last]] <= end && rows[last] <= row) ++last;
      while (first < last && all.time[rows[first]] <= end - window) ++first;
      double sum = 0;
      for (size_t i = first; i < last; ++i) sum += values[rows[i]];
      const auto n = static_cast<double>(last - first);
      count[row] = n;
      mean[row] = n == 0 ? 0 : sum / n;
    }
  }
}

// The 15 features, the label, the time and the card of every transaction.
Table Examples(const Transactions& all, std::vector<std::string>& features) {
  std::vector<Field> fields;
  std::vector<Column> columns;
  const auto add = [&](const std::string& name, std::vector<double> values) {
    features.push_back(name);
    fields.push_back({name, DataType::kDouble});
    columns.push_back(Column::Doubles(std::move(values)));
  };
  std::vector<double> weekend;
  std::vector<double> night;
  for (const int64_t time : all.time) {
    const int64_t day =
        time / kDay;  // 1 January 1970 was a Thursday, weekday 3 of a week that begins on Monday
    weekend.push_back((day + 3) % 7 >= 5 ? 1 : 0);
    night.push_back(time % kDay / (kDay / 24) <= 6 ? 1 : 0);
  }
  add("tx_amount", all.amount);
  add("during_weekend", weekend);
  add("during_night", night);
  const std::vector<double> frauds(all.fraud.begin(), all.fraud.end());
  std::vector<double> count;
  std::vector<double> mean;
  for (const int64_t days : {1, 7, 30}) {
    Windows(all, all.customer, all.amount, 0, days * kDay, count, mean);
    add("customer_count_" + std::to_string(days), count);
    add("customer_mean_" + std::to_string(days), mean);
    Windows(all, all.terminal, frauds, 7 * kDay, days * kDay, count, mean);
    add("terminal_count_" + std::to_string(days), count);
    add("terminal_share_" + std::to_string(days), mean);
  }
  fields.insert(fields.end(), {{"tx_fraud", DataType::kInt64},
                               {"tx_datetime", DataType::kTimestamp},
                               {"customer_id", DataType::kInt64}});
  columns.push_back(Column::Ints(all.fraud));
  columns.push_back(Column::Timestamps(all.time));
  columns.push_back(Column::Ints(all.customer));
  return Table::Create(Schema(fields), std::move(columns)).value();
}

Table Between(const Table& table, const Transactions& all, int64_t begin, int64_t end) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < all.size(); ++i) {
    if (begin <= all.time[i] && all.time[i] < end) rows.push_back(static_cast<int64_t>(i));
  }
  return table.Take(rows);
}

TEST(PublishedSplit, XgboostReachesThePublishedFiguresToTheThirdDigit) {
  if (!FileExists(FraudDirectory() + "/transactions-2018-08.parquet")) {
    GTEST_SKIP() << "the card data is not at " << FraudDirectory() << "; MILLRACE_SHARED can name its folder";
  }
  const Transactions all = Read();
  std::vector<std::string> features;
  const Table examples = Examples(all, features);
  const int64_t start = ParseTime("2018-07-25").value().micros;

  const TempDirectory dir;
  TrainingRequest training;
  training.run_directory = dir.path() + "/run";
  training.train = Between(examples, all, start, start + 7 * kDay);
  training.features = features;
  training.label = "tx_fraud";
  training.parameters = {
      {"objective", "binary:logistic"}, {"num_boost_round", 100}, {"max_depth", 3}, {"eta", 0.1}};
  auto run = StartTraining(std::move(training));
  ASSERT_TRUE(run.ok()) << run.status().ToString();
  const auto outcome = (*run)->Wait(std::chrono::steady_clock::now() + std::chrono::minutes(5));
  ASSERT_TRUE(outcome.has_value() && outcome->status.ok()) << outcome->status.ToString();

  resource::MetricSpec card_precision;
  card_precision.name = "precision_at";
  card_precision.k = 100;
  card_precision.per = "customer_id";
  card_precision.every = Micros(kDay);
  TestRequest test;
  test.test = Between(examples, all, start + 14 * kDay, start + 21 * kDay);
  test.history = Between(examples, all, start, start + 21 * kDay);
  test.label = "tx_fraud";
  test.time = "tx_datetime";
  test.train_start = {start};
  test.test_start = {start + 14 * kDay};
  test.gap = Micros(7 * kDay);
  test.metrics = {card_precision};
  const auto rows = SelectTestRows(test);
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  EXPECT_EQ(rows->labels.size(), 58'264U);
  EXPECT_EQ(rows->positives, 385);
  const auto scores = ScoreTable(outcome->model_ubj, features, rows->table);
  ASSERT_TRUE(scores.ok()) << scores.status().ToString();
  const auto evaluation = EvaluateScores(*rows, *scores, test.metrics);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status().ToString();
  const auto third_digit = [&](const char* name) {
    return std::round(evaluation->metrics.at(name) * 1000) / 1000;
  };
  EXPECT_EQ(third_digit("auc_roc"), 0.879);
  EXPECT_EQ(third_digit("average_precision"), 0.637);
  EXPECT_EQ(third_digit("precision_at_100"), 0.291);
}

}  // namespace
}  // namespace millrace::training
