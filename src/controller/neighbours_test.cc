#include "controller/neighbours.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace::controller {
namespace {

using resource::Resource;
using resource::ResourceKey;

Resource Make(const std::string& kind, const std::string& name, Json spec = Json::object()) {
  Resource resource;
  resource.kind = kind;
  resource.metadata.name = name;
  resource.metadata.project = kind == "Project" ? "" : "risk";
  resource.spec = std::move(spec);
  return resource;
}

std::vector<std::string> Of(const Neighbours& neighbours, const Resource& resource) {
  std::vector<std::string> names;
  for (const ResourceKey& key : neighbours.Of(resource.Key())) names.push_back(key.name);
  return names;
}

using Names = std::vector<std::string>;

TEST(Neighbours, AreReferencesUsersAndWhatIsOwned) {
  Neighbours neighbours;
  const Resource source = Make("DataSource", "rows");
  Resource view = Make("FeatureView", "view", {{"source", "rows"}});
  const Resource model = Make("Model", "model", {{"examples", "rows"}});
  Resource job = Make("TrainingJob", "job");
  job.metadata.owner_references = {{"Model", "model", "u"}};
  for (const Resource& one : {Make("Project", "risk"), source, view, model, job}) neighbours.Put(one);
  EXPECT_EQ(Of(neighbours, source), (Names{"view", "model", "risk"}));
  EXPECT_EQ(Of(neighbours, view), (Names{"rows", "risk"}));
  EXPECT_EQ(Of(neighbours, model), (Names{"rows", "risk", "job"}));
  EXPECT_EQ(Of(neighbours, job), (Names{"risk"})) << "its owner is told by what it refers to";
  EXPECT_EQ(Of(neighbours, Make("Project", "risk")), (Names{"rows", "view", "model", "job"}));
  // What was there before the one that it names, too.
  EXPECT_EQ(neighbours.DependentsOf({"DataSource", "risk", "none"}).size(), 0U);
  view.spec["source"] = "none";
  neighbours.Put(view);
  EXPECT_EQ(neighbours.DependentsOf({"DataSource", "risk", "none"}).size(), 1U);
  EXPECT_EQ(Of(neighbours, source), (Names{"model", "risk"}));
  neighbours.Remove(model.Key());
  EXPECT_EQ(Of(neighbours, source), (Names{"risk"}));
  EXPECT_EQ(Of(neighbours, model), (Names{"job"})) << "what is gone is still named as an owner";
}

}  // namespace
}  // namespace millrace::controller
