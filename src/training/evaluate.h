// Evaluation: a model's scores on the test rows, turned into metrics.
//
//   MR_ASSIGN_OR_RETURN(TestRows rows, SelectTestRows(request));
//   MR_ASSIGN_OR_RETURN(std::vector<double> scores, ScorePackage(package, features, rows.table));
//   MR_ASSIGN_OR_RETURN(Evaluation e, EvaluateScores(rows, scores, metric_specs));
//
// The champion is judged on the same rows by the same calls, so two Evaluations of
// one TestRows may be compared. Scores that came from anywhere else (an endpoint
// that was called row by row) go through EvaluateScores just the same.
//
// Already-known entities. When a metric is `per` an entity with `exclude_known`,
// an entity with a positive label at event time u, training start <= u < day − gap,
// is known (its label has arrived, and it is blocked) on the test day that starts
// at `day`; its rows of that day are left out of the test set, for every metric.
// This is the Fraud Detection Handbook's get_train_test_set. Labels younger than the
// gap are never looked at.
//
// Pure but for ScoreTable and ScorePackage, which read the model; thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "registry/package.h"
#include "resource/spec.h"
#include "table/table.h"
#include "training/metrics.h"

namespace millrace::training {

struct TestRequest {
  Table test{};         // features, label, event time, and the entity columns of `metrics`
  Table history{};      // label, event time and entity columns of all rows from training start to test
                        // end (test rows may be among them: only what is old enough is used); may be empty
  std::string label{};  // int64, bool or double column of 0 and 1
  std::string time{};   // timestamp column
  EventTime train_start{};
  EventTime test_start{};  // days of the test are counted from here
  Micros gap{0};           // how long a label takes to be known
  std::vector<resource::MetricSpec> metrics{};
};

// The rows that count, and what the metrics need to know of each.
struct TestRows {
  Table table;                // of request.test, in its order
  std::vector<int64_t> kept;  // their row numbers in request.test
  std::vector<uint8_t> labels;
  std::vector<int64_t> times;
  std::map<std::string, std::vector<int64_t>> entities;  // by the metric's `per`: dense numbers
  EventTime start;                                       // of the test range: periods are counted from here
  int64_t positives = 0;
  int64_t left_out = 0;  // rows of already-known entities
};

// InvalidArgument: an empty test set, a null or other label than 0 and 1, a missing column.
Result<TestRows> SelectTestRows(const TestRequest& request);

struct Evaluation {
  std::map<std::string, double> metrics;  // by MetricName
  int64_t rows = 0;
  int64_t positives = 0;
  int64_t left_out = 0;
};

// `scores`: one probability for each row of `rows`. A metric that one-class test rows leave
// undefined is InvalidArgument, saying so.
Result<Evaluation> EvaluateScores(const TestRows& rows, std::span<const double> scores,
                                  std::span<const resource::MetricSpec> metrics);

// Probabilities of `model_path` (UBJ or JSON), by Millrace's own engine, for the
// columns `features` in the model's order: bool, int64 and double; null is missing.
Result<std::vector<double>> ScoreTable(const std::string& model_path, std::span<const std::string> features,
                                       const Table& table);
// The same of a package that was opened: the bytes that are scored are those that its manifest names,
// whatever has happened to the file since (DataLoss).
Result<std::vector<double>> ScorePackage(const registry::ModelPackage& package,
                                         std::span<const std::string> features, const Table& table);

// Labels of a column as 0 and 1: the row's number and value in the message of a bad one.
Result<std::vector<uint8_t>> BinaryLabels(const Column& column, const std::string& name);

}  // namespace millrace::training
