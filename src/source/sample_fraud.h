// A sample of card transactions with frauds, for the demo and for tests.
//
// Own code after the method that the Fraud Detection Handbook publishes (Le
// Borgne, Siblini, Lebichot, Bontempi: "Reproducible Machine Learning for Credit
// Card Fraud Detection", chapter 3, "Transaction data simulator"): customers
// and terminals on a plane, a customer pays at terminals within a radius, and
// three scenarios of fraud: (1) amounts above 220, (2) terminals compromised for
// 28 days, (3) stolen cards, a third of whose payments are five times as high for
// 14 days. The scenarios are scaled with the number of customers, so that the
// shares of frauds are those of the published data, whatever the number of rows.
//
// The defaults are the published population (5,000 customers, 10,000 terminals)
// for 52 days instead of 183: a week of training, the labels' week and a week of
// test, after a month that their windows look back on. Thinning the customers
// instead would leave some 120 frauds in a test week, too few to judge a model by.
//
// The same options give the same bytes of data on every platform: the random
// numbers (xoshiro256++, Blackman and Vigna) and their distributions are ours.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "table/table.h"

namespace millrace::source {

struct FraudSampleOptions {
  int64_t rows = 500'000;  // exactly so many transactions; 1,000 at least
  uint64_t seed = 1;
  int days = 52;                                    // over which they are spread
  EventTime start{1'529'798'400'000'000};           // 2018-06-24T00:00:00Z; a midnight
  std::function<void(int64_t rows)> progress = {};  // rows made so far
};

// transaction_id, tx_datetime, customer_id, terminal_id, tx_amount, tx_fraud,
// tx_fraud_scenario, ordered by (tx_datetime, transaction_id).
Result<Table> MakeFraudSample(const FraudSampleOptions& options);

struct FraudSampleSummary {
  int64_t rows = 0;
  int64_t frauds = 0;
  std::vector<std::string> files;
};

// One file a month, DIR/transactions-2018-04.parquet and so on; makes the
// directory. AlreadyExists when it holds such files.
Result<FraudSampleSummary> WriteFraudSample(const std::string& directory, const FraudSampleOptions& options);

}  // namespace millrace::source
