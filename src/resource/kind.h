// The kinds, each described once: Project, DataSource, FeatureView, and so on.
//
// A Kind is a name and two trees of Fields, spec and status. Validation,
// defaults, `millrace explain`, the JSON Schema, the reference pages, the
// plural of the REST path and the columns of `millrace get` are all derived
// from it, so that none of them can say something else than the others.
//
//   const Kind* kind = FindKind("ds");          // DataSource, by any of its names
//   const Field* gap = kind->Find("spec.split.gap");
//
// The descriptions are built once and never change: share them freely between
// threads. A description that contradicts itself ends the process at start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace millrace::resource {

inline constexpr std::string_view kGroup = "millrace.dev";
inline constexpr std::string_view kVersion = "v1alpha1";
inline constexpr std::string_view kApiVersion = "millrace.dev/v1alpha1";
inline constexpr std::string_view kDefaultProject = "default";

enum class FieldType : uint8_t {
  kString,
  kInt64,
  kDouble,
  kBool,
  kDuration,        // "7d", "1d12h"; 0
  kTimestamp,       // RFC 3339
  kQuantity,        // bytes: "2Gi", "512Mi", "1500000"
  kEnum,            // one of Field::values
  kExpression,      // over columns; compiled by src/feature
  kIdentifier,      // a name that expressions can use: letters, digits, _
  kColumn,          // a column of a source: any text of one line
  kDnsLabel,        // a resource's name
  kReference,       // the name of a resource of kind Field::reference
  kModelReference,  // "fraud@champion", "fraud:3", "fraud" (= fraud@champion)
  kPath,            // of a file; relative to the YAML file's folder
  kTimeZone,        // UTC or an IANA name
  kScalar,          // a string, a number, a boolean or null
  kScalars,         // one of these, or a list of them
  kAny,             // any value
  kObject,          // Field::fields
  kList,            // of Field::fields[0]
  kMap,             // from text to Field::fields[0]
};

// One field; made by the functions below and refined by its methods:
//   Duration("gap", "Left out between training and test.").Default("0s")
struct Field {
  std::string name;
  FieldType type = FieldType::kString;
  std::string meaning;  // one or two sentences
  std::string unit;     // "bytes", "cores"
  std::string example;
  Json default_value;        // null: none
  std::string default_text;  // what happens without it, where that is no constant
  bool required = false;
  bool open = false;              // an object that may hold fields that are not described (status)
  std::optional<double> minimum;  // of a number or a quantity; of a duration in seconds
  std::optional<double> maximum;
  bool above_minimum = false;  // the minimum itself is not allowed
  size_t min_items = 0;        // of a list or a map
  size_t max_items = 1024;
  size_t max_length = 4096;                      // of a text, in bytes
  std::vector<std::string> values;               // of an enum
  std::string reference;                         // kind that a reference names
  std::vector<Field> fields;                     // children, or the one element
  std::vector<std::vector<std::string>> one_of;  // exactly one of each group
  std::vector<std::vector<std::string>> needs;   // if the first is given, the others must be

  Field Required() &&;
  Field Default(Json value) &&;
  Field Without(std::string what_happens) &&;  // sets default_text
  Field Unit(std::string text) &&;
  Field Example(std::string text) &&;
  Field AtLeast(double bound) &&;
  Field Above(double bound) &&;
  Field AtMost(double bound) &&;
  Field Items(size_t least, size_t most) &&;
  Field Length(size_t most) &&;
  Field OneOf(std::vector<std::string> names) &&;
  Field Open() &&;

  // "string", "list of duration", "map of scalar", "name of a DataSource".
  std::string TypeText() const;
  const Field* Child(std::string_view child) const;
};

Field Text(std::string name, std::string meaning);
Field Integer(std::string name, std::string meaning);
Field Number(std::string name, std::string meaning);
Field Boolean(std::string name, std::string meaning);
Field Duration(std::string name, std::string meaning);
Field Timestamp(std::string name, std::string meaning);
Field Quantity(std::string name, std::string meaning);
Field Enum(std::string name, std::string meaning, std::vector<std::string> values);
Field OfType(FieldType type, std::string name, std::string meaning);
Field Reference(std::string name, std::string kind, std::string meaning);
Field Object(std::string name, std::string meaning, std::vector<Field> fields);
Field List(std::string name, std::string meaning, Field element);
Field Map(std::string name, std::string meaning, Field element);

// A column of `millrace get`: where its value stands in the resource.
struct PrinterColumn {
  std::string name;   // "ROWS"
  std::string path;   // "status.rows"; "status.conditions[Ready]" is that condition's status
  bool wide = false;  // only with -o wide
};

struct Kind {
  std::string name;                      // "DataSource"
  std::string plural;                    // "datasources"
  std::string singular;                  // "datasource"
  std::vector<std::string> short_names;  // "ds"
  std::string meaning;
  bool namespaced = true;  // lives in a Project; a Project itself does not
  int rank = 0;            // references go to kinds of a lower rank: apply ascending, delete descending
  Field spec;
  Field status;
  std::vector<PrinterColumn> columns;

  // "spec.split.gap", "metadata.labels"; lists and maps need no index. Null when there is none.
  const Field* Find(std::string_view path) const;
  // The whole document: apiVersion, kind, metadata, spec, status.
  const Field& Document() const { return document_; }

  Field document_;  // set by Kinds()
};

// All of them, in order of rank.
const std::vector<Kind>& Kinds();

// By name, plural, singular or short name, in any case. Null when there is none.
const Kind* FindKind(std::string_view name);
// For a message: the nearest name of a kind, or "".
std::string NearestKind(std::string_view name);

}  // namespace millrace::resource
