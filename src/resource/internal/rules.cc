// What a kind demands beyond the shape of its fields.
#include <algorithm>

#include "base/text.h"
#include "resource/internal/universe.h"

namespace millrace::resource {
namespace {

// Reports each name but the first of its kind; `path` of the i-th.
template <typename Path>
void CheckDistinct(Universe& universe, const Item& item, const std::vector<std::string>& names, Path path) {
  std::set<std::string> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!seen.insert(names[i]).second)
      universe.Report(item, path(i), fmt::format("'{}' stands twice", names[i]));
  }
}

void CheckSource(Universe& universe, const Item& item, const DataSourceSpec& spec) {
  std::vector<std::string> names;
  for (const SourceColumn& column : spec.columns) names.push_back(column.name);
  CheckDistinct(universe, item, names, [](size_t i) { return fmt::format("spec.columns[{}].name", i); });
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    const SourceColumn& column = spec.columns[i];
    const std::string path = fmt::format("spec.columns[{}]", i);
    const bool is_time = column.name == spec.event_time;
    if (column.known_after && (is_time || column.name == spec.event_id)) {
      universe.Report(item, path + ".knownAfter",
                      fmt::format("{} is the source's {}: it must be known at once; leave knownAfter out",
                                  column.name, is_time ? "eventTime" : "eventId"));
    }
    // (In a file the late value stands in its event's own row.)
    if (column.known_after && spec.event_id.empty() && spec.push) {
      universe.Report(
          item, path + ".knownAfter",
          fmt::format("{} can only be joined to its event by an id; set spec.eventId", column.name));
    }
    if (is_time && column.type && *column.type != DataType::kTimestamp) {
      universe.Report(item, path + ".type",
                      fmt::format("{} is the source's eventTime: its type is timestamp", column.name));
    }
  }
  if (!spec.event_id.empty() && spec.event_id == spec.event_time) {
    universe.Report(item, "spec.eventId",
                    "is the same column as spec.eventTime; events at one instant would be one");
  }
}

void CheckFeature(Universe& universe, const Item& item, const FeatureSpec& feature, const std::string& path) {
  const bool of_events = feature.aggregate == "count" || feature.aggregate == "time_since_last";
  if (of_events && !feature.of.empty()) {
    universe.Report(
        item, path + ".of",
        fmt::format("{} is of the events, not of a value; leave 'of' out, or choose events with 'where'",
                    feature.aggregate));
  }
  if (!of_events && feature.of.empty()) {
    universe.Report(item, path + ".of",
                    fmt::format("is missing; {} needs a column or an expression", feature.aggregate));
  }
}

void CheckView(Universe& universe, const Item& item, const FeatureViewSpec& spec) {
  CheckDistinct(universe, item, spec.entities, [](size_t i) { return fmt::format("spec.entities[{}]", i); });
  std::vector<std::string> windows;
  for (const Micros window : spec.windows) windows.push_back(FormatDuration(window));
  CheckDistinct(universe, item, windows, [](size_t i) { return fmt::format("spec.windows[{}]", i); });
  std::vector<std::string> names;
  for (const FeatureSpec& feature : spec.features) names.push_back(feature.name);
  CheckDistinct(universe, item, names, [](size_t i) { return fmt::format("spec.features[{}].name", i); });
  for (size_t i = 0; i < spec.features.size(); ++i) {
    CheckFeature(universe, item, spec.features[i], fmt::format("spec.features[{}]", i));
  }
}

// The columns that the item takes of the view, checked against what the view has.
std::vector<std::string> TakenFeatures(Universe& universe, const Item& item, const ServiceItem& taken,
                                       const FeatureViewSpec& view, const std::string& path) {
  std::vector<std::string> known;
  std::vector<std::string> columns;
  for (const FeatureSpec& feature : view.features) {
    known.push_back(feature.name);
    for (const Micros window : view.windows) {
      known.push_back(FeatureColumnName(feature.name, window));
      const auto wants = [&](const std::string& name) {
        return name == feature.name || name == known.back();
      };
      const bool all = taken.features.empty();
      if (all || std::any_of(taken.features.begin(), taken.features.end(), wants))
        columns.push_back(known.back());
    }
  }
  for (size_t i = 0; i < taken.features.size(); ++i) {
    const std::string& name = taken.features[i];
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string nearest = Nearest(name, known);
    universe.Report(item, fmt::format("{}.features[{}]", path, i),
                    fmt::format("FeatureView {} has no feature '{}'; {}", taken.name, name,
                                nearest.empty() ? "it has " + Join(known, ", ")
                                                : fmt::format("did you mean '{}'?", nearest)));
  }
  return columns;
}

void CheckService(Universe& universe, const Item& item, const FeatureServiceSpec& spec) {
  std::set<std::string> inputs;
  const auto add = [&](const std::string& input, const std::string& shown, const std::string& path) {
    if (!inputs.insert(input).second) {
      universe.Report(item, path, fmt::format("the input {} stands twice; leave one out", shown));
    }
  };
  for (size_t i = 0; i < spec.items.size(); ++i) {
    const ServiceItem& input = spec.items[i];
    const std::string path = fmt::format("spec.features[{}]", i);
    if (input.kind != ServiceItem::Kind::kView) {
      add(input.name, fmt::format("'{}'", input.name), path);
      continue;
    }
    const auto view = universe.SpecOf<FeatureViewSpec>("FeatureView", item, input.name);
    if (!view) continue;
    for (const std::string& column : TakenFeatures(universe, item, input, *view, path)) {
      add(input.name + "/" + column, fmt::format("'{}' of FeatureView {}", column, input.name), path);
    }
  }
}

// A request field's type against what the examples' source says about the column of its name.
void CheckInputTypes(Universe& universe, const Item& item, const ModelSpec& spec) {
  const auto service = universe.SpecOf<FeatureServiceSpec>("FeatureService", item, spec.input);
  const auto source = universe.SpecOf<DataSourceSpec>("DataSource", item, spec.examples);
  if (!service || !source) return;
  for (const ServiceItem& input : service->items) {
    if (input.kind != ServiceItem::Kind::kRequest || !input.type) continue;
    for (const SourceColumn& column : source->columns) {
      if (column.name != input.name || !column.type || *column.type == *input.type) continue;
      universe.Report(
          item, "spec.input",
          fmt::format("FeatureService {} takes {} as {}, but DataSource {} has it as {}", spec.input,
                      input.name, DataTypeName(*input.type), spec.examples, DataTypeName(*column.type)));
    }
  }
}

void CheckModel(Universe& universe, const Item& item, const ModelSpec& spec) {
  if (const auto source = universe.SpecOf<DataSourceSpec>("DataSource", item, spec.examples)) {
    const bool is_time = spec.label == source->event_time;
    if (is_time || spec.label == source->event_id) {
      universe.Report(item, "spec.label",
                      fmt::format("'{}' is the {} of DataSource {}, which no model can learn", spec.label,
                                  is_time ? "eventTime" : "eventId", spec.examples));
    }
  }
  CheckInputTypes(universe, item, spec);
}

void CheckEndpoint(Universe& universe, const Item& item, const ModelEndpointSpec& spec) {
  if (spec.scaling.min_replicas > spec.scaling.max_replicas) {
    universe.Report(
        item, "spec.scaling.minReplicas",
        fmt::format("{} is more than maxReplicas, {}", spec.scaling.min_replicas, spec.scaling.max_replicas));
  }
}

}  // namespace

void CheckRules(Universe& universe) {
  universe.ForEach<DataSourceSpec>(
      "DataSource", [&](const Item& item, const DataSourceSpec& spec) { CheckSource(universe, item, spec); });
  universe.ForEach<FeatureViewSpec>(
      "FeatureView", [&](const Item& item, const FeatureViewSpec& spec) { CheckView(universe, item, spec); });
  universe.ForEach<FeatureServiceSpec>(
      "FeatureService",
      [&](const Item& item, const FeatureServiceSpec& spec) { CheckService(universe, item, spec); });
  universe.ForEach<ModelSpec>(
      "Model", [&](const Item& item, const ModelSpec& spec) { CheckModel(universe, item, spec); });
  universe.ForEach<ModelEndpointSpec>("ModelEndpoint", [&](const Item& item, const ModelEndpointSpec& spec) {
    CheckEndpoint(universe, item, spec);
  });
}

}  // namespace millrace::resource
