// Admission: documents in, resources in the store, all or none of them.
//
//   MR_ASSIGN_OR_RETURN(Plan plan, Admit(set.documents, store, {.actor = identity.name}));
//   if (!plan.diagnostics.empty()) …                 // nothing was written
//   for (const Applied& applied : plan.applied) …    // "DataSource transactions created"
//
// The whole set is validated against the store's contents inside the
// transaction that writes it. Thread safe.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "resource/definition_check.h"
#include "resource/diagnostics.h"
#include "resource/store.h"
#include "resource/yaml.h"

namespace millrace::resource {

struct Plan {
  Diagnostics diagnostics;       // not empty: nothing was written
  std::vector<Applied> applied;  // in the order of the documents
};

// With options.dry_run the plan says what would happen. Fails only for reasons
// that lie outside the documents (disk, auditor).
Result<Plan> Admit(std::span<const Document> documents, ResourceStore& store,
                   const WriteOptions& options = {}, const DefinitionCheck& check = nullptr);

// The document as a resource: namespace filled in, relative paths made absolute
// (a client does this before it sends a file's document elsewhere).
// Precondition: Validate found nothing.
Result<Resource> ToResource(const Document& document);

// For WriteOptions::check of Create, Update and Patch: what is wrong with the
// wanted resources beside all others. (What a body holds beyond a Resource's
// fields is found by CheckStructure of structure.h, on the body.)
Diagnostics ValidateWrite(const std::vector<Resource>& existing, const std::vector<Resource>& wanted,
                          const DefinitionCheck& check = nullptr);

// Makes the paths in the document absolute, from its folder.
void ResolvePaths(Document& document);

}  // namespace millrace::resource
