#include "resource/crd.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "base/json.h"
#include "resource/yaml.h"

namespace millrace::resource {
namespace {

const std::string kInstalled = std::string(MILLRACE_SOURCE_DIR) + "/deploy/crds.yaml";

// MILLRACE_UPDATE=1 writes the file; it is checked in.
TEST(CustomResourceDefinitions, AreUpToDate) {
  const std::string text = CustomResourceDefinitionsYaml();
  if (std::getenv("MILLRACE_UPDATE") != nullptr) {
    ASSERT_TRUE(MakeDirectories(std::string(MILLRACE_SOURCE_DIR) + "/deploy").ok());
    ASSERT_TRUE(WriteFileAtomically(kInstalled, text).ok());
  }
  EXPECT_EQ(ReadFile(kInstalled).value_or(""), text)
      << kInstalled << " is out of date: MILLRACE_UPDATE=1 resource_test writes it";
}

}  // namespace
}  // namespace millrace::resource
