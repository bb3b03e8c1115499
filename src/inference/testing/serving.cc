#include "inference/testing/serving.h"

#include <chrono>
#include <utility>
#include <vector>

#include "inference/testing/models.h"

namespace millrace::inference::testing {
namespace {

using namespace std::chrono_literals;

const Schema& TransactionSchema() {
  static const Schema schema({{"transaction_id", DataType::kInt64},
                              {"tx_datetime", DataType::kTimestamp},
                              {"customer_id", DataType::kInt64},
                              {"tx_amount", DataType::kDouble},
                              {"note", DataType::kString},
                              {"tx_fraud", DataType::kInt64}});
  return schema;
}

resource::DataSourceSpec TransactionSpec() {
  resource::DataSourceSpec spec;
  spec.push.emplace();
  spec.event_time = "tx_datetime";
  spec.event_id = "transaction_id";
  spec.lateness = 24h;
  resource::SourceColumn label;
  label.name = "tx_fraud";
  label.known_after = 24h;
  spec.columns.push_back(std::move(label));
  return spec;
}

Table NoEvents() {
  std::vector<Column> columns;
  for (const Field& field : TransactionSchema().fields()) columns.push_back(Column::Nulls(field.type, 0));
  return Table::Create(TransactionSchema(), std::move(columns)).value();
}

}  // namespace

Serving::Serving() {
  const feature::SourcePlan source =
      feature::PlanSource("transactions", TransactionSpec(), TransactionSchema()).value();
  resource::FeatureViewSpec view_spec;
  view_spec.source = "transactions";
  view_spec.entities = {"customer_id"};
  view_spec.windows = {24h};
  resource::FeatureSpec count;
  count.name = "tx_count";
  count.aggregate = "count";
  view_spec.features = {count};
  const std::vector<feature::ViewPlanPtr> views = {
      feature::CompileView("customer-spending", view_spec, source).value()};

  resource::FeatureServiceSpec service_spec;
  resource::ServiceItem amount;
  amount.kind = resource::ServiceItem::Kind::kRequest;
  amount.name = "tx_amount";
  resource::ServiceItem spending;
  spending.kind = resource::ServiceItem::Kind::kView;
  spending.name = "customer-spending";
  service_spec.items = {amount, spending};
  plan_ = feature::CompileService("fraud-input", service_spec, source, views).value();

  feature::OnlineStoreOptions options;
  options.directory = directory_.path() + "/online";
  store_ = feature::OnlineStore::Open(std::move(options)).value();
  const Status loaded = store_->Load("default/transactions", source, views, NoEvents(), {.marker = "1"});
  MR_CHECK(loaded.ok(), "{}", loaded.ToString());
}

LoadedModelPtr Serving::Model(int64_t version) const {
  const auto number = static_cast<float>(version);
  return LoadedModel::Create("fraud", version, StepModel(2, 1, 2.0F, number + 0.5F, number + 0.75F), plan_,
                             {})
      .value();
}

std::shared_ptr<Endpoint> Serving::MakeEndpoint(const std::string& name) {
  EndpointOptions options;
  options.project = "default";
  options.name = name;
  options.store = store_.get();
  options.learn = "default/transactions";
  options.metrics = &metrics_;
  return Endpoint::Create(std::move(options)).value();
}

std::vector<feature::Cell> Serving::Event(int64_t id, int64_t minute, int64_t customer, double amount) const {
  std::vector<feature::Cell> cells(plan_->fields.size() + 1);  // and `note`
  for (size_t f = 0; f < plan_->fields.size(); ++f) {
    const std::string& name = plan_->fields[f].name;
    if (name == "tx_datetime") cells[f] = feature::Cell::Timestamp({kStart + minute * kMinute});
    if (name == "transaction_id") cells[f] = feature::Cell::Int(id);
    if (name == "customer_id") cells[f] = feature::Cell::Int(customer);
    if (name == "tx_amount") cells[f] = feature::Cell::Double(amount);
  }
  return cells;
}

int64_t Serving::Count(int64_t customer, int64_t minute) const {
  const std::vector<Value> keys = {customer};
  const auto row =
      store_->Lookup("default/transactions", "customer-spending", keys, EventTime{kStart + minute * kMinute});
  MR_CHECK(row.ok(), "{}", row.status().ToString());
  return std::get<int64_t>(row->values[0]);
}

}  // namespace millrace::inference::testing
