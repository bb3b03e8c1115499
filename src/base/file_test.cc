#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sha256.h"

namespace millrace {
namespace {

TEST(WriteFileAtomically, ReplacesWholeAndLeavesNothingBeside) {
  const TempDirectory dir;
  const std::string path = dir.path() + "/file";
  ASSERT_TRUE(WriteFileAtomically(path, "first").ok());
  ASSERT_TRUE(WriteFileAtomically(path, std::string(100000, 'x'), 0600).ok());
  EXPECT_EQ(ReadFile(path)->size(), 100000U);
  EXPECT_EQ(ListDirectory(dir.path())->size(), 1U);
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(WriteFileAtomically, SaysWhichPathAndWhy) {
  const TempDirectory dir;
  const Status status = WriteFileAtomically(dir.path() + "/no/such/file", "x");
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_NE(status.message().find("/no/such/file: No such file or directory"), std::string::npos);
}

TEST(ReadFile, RefusesDirectoriesAndWhatIsTooLarge) {
  const TempDirectory dir;
  EXPECT_EQ(ReadFile(dir.path()).status().code(), Code::kInvalidArgument);
  const std::string path = dir.path() + "/file";
  ASSERT_TRUE(WriteFileAtomically(path, "12345").ok());
  EXPECT_EQ(ReadFile(path, 4).status().code(), Code::kResourceExhausted);
  EXPECT_EQ(*ReadFile(path, 5), "12345");
}

TEST(FileLock, IsHeldOnceAndFreedWithItsOwner) {
  const TempDirectory dir;
  const std::string path = dir.path() + "/lock";
  {
    const Result<FileLock> held = FileLock::Acquire(path);
    ASSERT_TRUE(held.ok());
    EXPECT_EQ(FileLock::Acquire(path).status().code(), Code::kUnavailable);
  }
  EXPECT_TRUE(FileLock::Acquire(path).ok());
}

TEST(Sha256, MatchesThePublishedVectors) {
  // FIPS 180-2, appendix B.
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  const TempDirectory dir;
  ASSERT_TRUE(WriteFileAtomically(dir.path() + "/f", "abc").ok());
  EXPECT_EQ(*Sha256OfFile(dir.path() + "/f"), Sha256Hex("abc"));
}

}  // namespace
}  // namespace millrace
