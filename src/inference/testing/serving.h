// A served model with online state, small and real, for tests of endpoints and
// protocols: transactions of customers, two features, and a tree over them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "feature/online_store.h"
#include "feature/plan.h"
#include "inference/endpoint.h"
#include "table/table.h"
#include "telemetry/metrics.h"

namespace millrace::inference::testing {

// Source `transactions`: transaction_id, tx_datetime, customer_id, tx_amount, note,
// and tx_fraud, known a day later. Service inputs: tx_amount (request), tx_count_1d (view).
// Its fields: tx_datetime, transaction_id, customer_id, tx_amount.
class Serving {
 public:
  Serving();

  // Predicts version + 0.5 where tx_count_1d is below 2, else version + 0.75.
  LoadedModelPtr Model(int64_t version) const;
  // In Project `default`, learning `transactions`; nothing is served yet.
  std::shared_ptr<Endpoint> MakeEndpoint(const std::string& name = "fraud");
  // An event at minute `minute`, in the order of the fields of a serving version.
  std::vector<feature::Cell> Event(int64_t id, int64_t minute, int64_t customer, double amount) const;
  // tx_count_1d of the customer as the state has it at the minute's end.
  int64_t Count(int64_t customer, int64_t minute) const;

  feature::OnlineStore& store() { return *store_; }
  telemetry::Metrics& metrics() { return metrics_; }

 private:
  TempDirectory directory_;
  telemetry::Metrics metrics_;
  feature::ServicePlanPtr plan_;
  std::unique_ptr<feature::OnlineStore> store_;
};

// 2018-07-25T00:00:00Z.
inline constexpr int64_t kStart = 1'532'476'800'000'000;
inline constexpr int64_t kMinute = 60'000'000;

}  // namespace millrace::inference::testing
