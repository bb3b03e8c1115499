// Diagnostics: everything that is wrong with a set of documents, each with its
// place, its field, what is wrong and what would be right.
//
//   examples/fraud/fraud.yaml:14:3: FeatureView customer-spending: spec.windos: unknown field; did you mean
//   'windows'?
//
// Plain values.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace::resource {

struct SourceMark {
  std::string file;  // "" when it came over the network
  int line = 0;      // from 1; 0 is unknown
  int column = 0;    // from 1
};

struct Diagnostic {
  SourceMark mark;
  std::string resource;  // "FeatureView customer-spending"; "" when not known
  std::string field;     // "spec.windows[0]"; "" for the whole
  std::string message;   // "unknown field; did you mean 'windows'?"

  std::string ToString() const;
};

// What is wrong with a field of a definition, before it is known where that stands.
struct FieldProblem {
  std::string field;  // "spec.windows[0]"; "" for the whole
  std::string message;
};

// The same, of fields below `parent`: "k" and "[0].k" become "parent.k" and "parent[0].k".
std::vector<FieldProblem> Below(std::string_view parent, std::vector<FieldProblem> problems);
// InvalidArgument with a line "field: message" each, or ok when there is nothing.
Status ToStatus(std::span<const FieldProblem> problems);
// Back from such a status; a line that begins with no field below `root` belongs to the one before it.
std::vector<FieldProblem> FieldProblems(const Status& status, std::string_view root = "spec");

class Diagnostics {
 public:
  void Add(Diagnostic diagnostic);
  void Append(const Diagnostics& other);
  // By file, line and column; the same text once.
  void Sort();

  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  const std::vector<Diagnostic>& items() const { return items_; }
  std::string ToString() const;  // one line each
  // InvalidArgument with every line, or ok when there is nothing.
  Status ToStatus() const;

 private:
  std::vector<Diagnostic> items_;
};

}  // namespace millrace::resource
