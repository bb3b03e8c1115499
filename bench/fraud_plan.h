// The published features of the card transactions as plans, for benchmarks.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "feature/plan.h"
#include "table/parquet.h"

namespace millrace::bench {

inline Micros Days(int64_t days) { return std::chrono::hours(24 * days); }

struct FraudPlan {
  feature::SourcePlan source;
  feature::ViewPlanPtr customers;
  feature::ViewPlanPtr terminals;
  feature::ServicePlanPtr service;
};

inline Result<FraudPlan> MakeFraudPlan(const Schema& schema) {
  resource::DataSourceSpec spec;
  spec.event_time = "tx_datetime";
  spec.event_id = "transaction_id";
  spec.columns = {{"tx_fraud", std::nullopt, Days(7)}};
  FraudPlan plan;
  MR_ASSIGN_OR_RETURN(plan.source, feature::PlanSource("transactions", spec, schema));
  resource::FeatureViewSpec customers;
  customers.source = "transactions";
  customers.entities = {"customer_id"};
  customers.windows = {Days(1), Days(7), Days(30)};
  customers.features = {{"tx_count", "count", "", "", nullptr},
                        {"tx_amount_mean", "mean", "tx_amount", "", nullptr}};
  MR_ASSIGN_OR_RETURN(plan.customers, feature::CompileView("customer-spending", customers, plan.source));
  resource::FeatureViewSpec terminals = customers;
  terminals.entities = {"terminal_id"};
  terminals.delay = Days(7);
  terminals.features = {{"tx_count", "count", "", "", nullptr}, {"fraud_share", "mean", "tx_fraud", "", 0}};
  MR_ASSIGN_OR_RETURN(plan.terminals, feature::CompileView("terminal-risk", terminals, plan.source));
  using Kind = resource::ServiceItem::Kind;
  resource::FeatureServiceSpec service;
  service.items = {{Kind::kRequest, "tx_amount", "", std::nullopt, {}},
                   {Kind::kExpression, "during_weekend", "weekday(tx_datetime) >= 5", std::nullopt, {}},
                   {Kind::kExpression, "during_night", "hour(tx_datetime) <= 6", std::nullopt, {}},
                   {Kind::kView, "customer-spending", "", std::nullopt, {}},
                   {Kind::kView, "terminal-risk", "", std::nullopt, {}}};
  const std::vector<feature::ViewPlanPtr> views = {plan.customers, plan.terminals};
  MR_ASSIGN_OR_RETURN(plan.service, feature::CompileService("fraud-input", service, plan.source, views));
  return plan;
}

// All Parquet files of a folder, the columns that the plan needs.
inline Result<Table> ReadFraudRows(const std::string& folder) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(folder));
  std::vector<std::string> paths;
  for (const std::string& name : names) {
    if (name.ends_with(".parquet")) paths.push_back(folder + "/" + name);
  }
  ParquetReadOptions options;
  options.columns = {"transaction_id", "tx_datetime", "customer_id", "terminal_id", "tx_amount", "tx_fraud"};
  return ReadParquetFiles(paths, options);
}

// "VmHWM" of /proc/self/status: the most memory that was resident, in bytes.
inline int64_t PeakMemory() {
  const Result<std::string> status = ReadFile("/proc/self/status", 1 << 20);
  if (!status.ok()) return 0;
  const size_t at = status->find("VmHWM:");
  return at == std::string::npos ? 0 : std::stoll(status->substr(at + 6)) * 1024;
}

}  // namespace millrace::bench
