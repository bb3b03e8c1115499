// YAML to documents: JSON values that remember where each field stood.
//
// Scalars follow the YAML 1.2 core schema: 5 is an integer, 5.0 a double, true a
// boolean, ~ null; whatever is quoted, and all else such as 7d or 2018-07-25, is
// a string. Aliases, tags other than !!str, and keys that are not strings are
// refused, as are duplicate keys. Bounded: YamlLimits.
//
//   YamlSet set = LoadYaml("examples/fraud");     // a file, or a folder with all below
//   if (!set.diagnostics.empty()) return set.diagnostics.ToStatus();
//
// Thread safe; never throws.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "resource/diagnostics.h"

namespace millrace::resource {

struct YamlLimits {
  size_t bytes = 1 << 20;  // of one file
  int depth = 32;
  size_t nodes = 100'000;  // of one file
  size_t key_bytes = 1'024;
  size_t path_bytes = 1 << 25;  // of all fields of one file together: what their marks take
  size_t files = 1'000;         // of one folder
  size_t folder_depth = 16;
};

struct Document {
  Json value;
  std::string file;
  std::string folder;  // that relative paths start from; "" when it came over the network
  std::map<std::string, SourceMark, std::less<>> marks;  // by field path: "spec.windows[0]"

  // Of the field, or of the nearest one around it.
  SourceMark At(std::string_view path) const;
};

struct YamlSet {
  std::vector<Document> documents;  // empty ones are left out
  Diagnostics diagnostics;          // what could not be read
};

// `file` is for messages only.
YamlSet ParseYaml(std::string_view text, const std::string& file, const YamlLimits& limits = {});

// A file, or the *.yaml and *.yml of a folder and those below it in order of
// path; entries whose names begin with a dot are passed over.
YamlSet LoadYaml(const std::string& path, const YamlLimits& limits = {});

// A document without marks, as it comes over the network.
Document FromJson(Json value);

// Block style, in the order of apiVersion, kind, metadata, spec, status, else
// of the names; ParseYaml reads the same value back.
std::string ToYaml(const Json& value);

}  // namespace millrace::resource
