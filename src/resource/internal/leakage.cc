// Leakage: a feature, an input or a split that could see a column before it is
// known. Each check names the column, its delay, and the setting that is safe.
//
//      event              t                  t + knownAfter
//   ─────┼────────────────┼──────────────────────┼──────────▶ time
//        the row happens                         its label is known
//
// What is computed at a time t may use the label of an event only when that
// event lies at least knownAfter before t: windows end that much earlier
// (delay), and training ends that much before the test begins (gap).
#include <algorithm>

#include "resource/internal/universe.h"
#include "resource/validate.h"

namespace millrace::resource {
namespace {

using KnownAfter = std::map<std::string, Micros>;

KnownAfter LateColumns(const DataSourceSpec& spec) {
  KnownAfter late;
  for (const SourceColumn& column : spec.columns) {
    if (column.known_after && column.known_after->count() > 0) late[column.name] = *column.known_after;
  }
  return late;
}

std::string KnownText(const std::string& column, Micros after) {
  return fmt::format("'{}' is known only {} after its event", column, FormatDuration(after));
}

class ViewCheck {
 public:
  ViewCheck(Universe& universe, const Item& item, const FeatureViewSpec& spec, const KnownAfter& late)
      : universe_(universe), item_(item), spec_(spec), late_(late) {}

  void Run() {
    for (size_t i = 0; i < spec_.features.size(); ++i) {
      const std::string path = fmt::format("spec.features[{}]", i);
      CheckWindowed(spec_.features[i].of, path + ".of");
      CheckWindowed(spec_.features[i].where, path + ".where");
    }
    // Which events a view sees, and under which key, is settled as they come in, whatever its delay.
    for (const std::string& column : MentionedColumns(spec_.where)) {
      CheckAtOnce(column, "spec.where", "choose events by it with the where of a feature");
    }
    for (size_t i = 0; i < spec_.entities.size(); ++i) {
      CheckAtOnce(spec_.entities[i], fmt::format("spec.entities[{}]", i), "it can be no key");
    }
  }

 private:
  void CheckWindowed(const std::string& expression, const std::string& path) {
    for (const std::string& column : MentionedColumns(expression)) {
      const auto found = late_.find(column);
      if (found == late_.end() || found->second <= spec_.delay) continue;
      universe_.Report(item_, path,
                       fmt::format("leakage: {}, but the view's delay is {}; set spec.delay to at least {}",
                                   KnownText(column, found->second), FormatDuration(spec_.delay),
                                   FormatDuration(found->second)));
    }
  }

  void CheckAtOnce(const std::string& column, const std::string& path, std::string_view instead) {
    const auto found = late_.find(column);
    if (found == late_.end()) return;
    universe_.Report(item_, path, fmt::format("leakage: {}; {}", KnownText(column, found->second), instead));
  }

  Universe& universe_;
  const Item& item_;
  const FeatureViewSpec& spec_;
  const KnownAfter& late_;
};

// The columns that an input reads from the request itself.
std::vector<std::string> RequestColumns(const ServiceItem& input) {
  switch (input.kind) {
    case ServiceItem::Kind::kRequest:
      return {input.name};
    case ServiceItem::Kind::kExpression:
      return MentionedColumns(input.expression);
    case ServiceItem::Kind::kView:
      return {};
  }
  return {};
}

std::set<std::string> SourcesOf(const Universe& universe, const Item& item, const FeatureServiceSpec& spec) {
  std::set<std::string> sources;
  for (const ServiceItem& input : spec.items) {
    if (input.kind != ServiceItem::Kind::kView) continue;
    if (const auto view = universe.SpecOf<FeatureViewSpec>("FeatureView", item, input.name))
      sources.insert(view->source);
  }
  return sources;
}

void CheckServiceInputs(Universe& universe, const Item& item, const FeatureServiceSpec& spec) {
  for (const std::string& name : SourcesOf(universe, item, spec)) {
    const auto source = universe.SpecOf<DataSourceSpec>("DataSource", item, name);
    if (!source) continue;
    const KnownAfter late = LateColumns(*source);
    for (size_t i = 0; i < spec.items.size(); ++i) {
      for (const std::string& column : RequestColumns(spec.items[i])) {
        const auto found = late.find(column);
        if (found == late.end()) continue;
        const bool request = spec.items[i].kind == ServiceItem::Kind::kRequest;
        universe.Report(item, fmt::format("spec.features[{}].{}", i, request ? "request" : "expression"),
                        fmt::format("leakage: {} (DataSource {}), so no request can bring it; leave it out",
                                    KnownText(column, found->second), name));
      }
    }
  }
}

class ModelCheck {
 public:
  ModelCheck(Universe& universe, const Item& item, const ModelSpec& spec, const DataSourceSpec& examples)
      : universe_(universe), item_(item), spec_(spec), late_(LateColumns(examples)) {}

  void Run() {
    CheckGap(spec_.label, "spec.split.gap", "is shorter than the label's delay");
    for (const std::string& column : MentionedColumns(spec_.where)) {
      if (column != spec_.label)
        CheckGap(column, "spec.split.gap", "is shorter than the delay of what spec.where reads");
    }
    const auto service = universe_.SpecOf<FeatureServiceSpec>("FeatureService", item_, spec_.input);
    if (!service) return;
    const bool checked = SourcesOf(universe_, item_, *service).contains(spec_.examples);
    for (size_t i = 0; i < service->items.size(); ++i) {
      CheckInput(service->items[i], i, checked);
      CheckViewOfLabel(service->items[i]);
    }
  }

 private:
  void CheckGap(const std::string& column, const std::string& path, std::string_view what) {
    const auto found = late_.find(column);
    if (found == late_.end() || found->second <= spec_.split.gap) return;
    universe_.Report(item_, path,
                     fmt::format("leakage: {} {}: {}; set it to at least {}", FormatDuration(spec_.split.gap),
                                 what, KnownText(column, found->second), FormatDuration(found->second)));
  }

  void CheckInput(const ServiceItem& input, size_t index, bool service_was_checked) {
    for (const std::string& column : RequestColumns(input)) {
      const auto found = late_.find(column);
      if (column == spec_.label) {
        universe_.Report(
            item_, "spec.label",
            fmt::format("leakage: '{}' is among the inputs of FeatureService {} (spec.features[{}]); "
                        "leave it out there",
                        column, spec_.input, index));
      } else if (found != late_.end() && !service_was_checked) {
        universe_.Report(
            item_, "spec.input",
            fmt::format("leakage: {} (DataSource {}), but FeatureService {} reads it (spec.features[{}])",
                        KnownText(column, found->second), spec_.examples, spec_.input, index));
      }
    }
  }

  // A label that the source does not declare as late could otherwise be read by a
  // window that ends with the very example.
  void CheckViewOfLabel(const ServiceItem& input) {
    if (input.kind != ServiceItem::Kind::kView || late_.contains(spec_.label)) return;
    const auto view = universe_.SpecOf<FeatureViewSpec>("FeatureView", item_, input.name);
    if (!view || view->source != spec_.examples || view->delay.count() > 0) return;
    for (const FeatureSpec& feature : view->features) {
      for (const std::string& text : {feature.of, feature.where, view->where}) {
        const std::vector<std::string> columns = MentionedColumns(text);
        if (std::find(columns.begin(), columns.end(), spec_.label) == columns.end()) continue;
        universe_.Report(
            item_, "spec.label",
            fmt::format("leakage: '{}' is read by the feature {} of FeatureView {}, up to the very event "
                        "to predict; give the column a knownAfter in DataSource {}, and the view a delay",
                        spec_.label, feature.name, input.name, spec_.examples));
        break;
      }
    }
  }

  Universe& universe_;
  const Item& item_;
  const ModelSpec& spec_;
  const KnownAfter late_;
};

}  // namespace

void CheckLeakage(Universe& universe) {
  universe.ForEach<FeatureViewSpec>("FeatureView", [&](const Item& item, const FeatureViewSpec& spec) {
    const auto source = universe.SpecOf<DataSourceSpec>("DataSource", item, spec.source);
    if (source) ViewCheck(universe, item, spec, LateColumns(*source)).Run();
  });
  universe.ForEach<FeatureServiceSpec>(
      "FeatureService",
      [&](const Item& item, const FeatureServiceSpec& spec) { CheckServiceInputs(universe, item, spec); });
  universe.ForEach<ModelSpec>("Model", [&](const Item& item, const ModelSpec& spec) {
    const auto examples = universe.SpecOf<DataSourceSpec>("DataSource", item, spec.examples);
    if (examples) ModelCheck(universe, item, spec, *examples).Run();
  });
}

}  // namespace millrace::resource
