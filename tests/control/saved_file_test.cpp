// SPDX-License-Identifier: BSD-3-Clause
#include "control/saved_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace usher {
namespace {

namespace fs = std::filesystem;

struct SavedFileTest : testing::Test {
    fs::path directory;
    std::string own;

    SavedFileTest() {
        char name[] = "/tmp/usher-saved-XXXXXX";
        directory = mkdtemp(name);
        own = directory / "usher.toml";
        write(own, "old");
    }
    ~SavedFileTest() override { fs::remove_all(directory); }

    static void write(const fs::path& path, const char* text) { std::ofstream(path) << text; }
    static std::string read(const fs::path& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
    }
};

TEST_F(SavedFileTest, LeavesWhatLiesBesideItAlone) {
    write(own + ".new", "an operator's draft");
    ASSERT_TRUE(replace_file(own, "new"));
    EXPECT_EQ(read(own), "new");
    EXPECT_EQ(read(own + ".new"), "an operator's draft");
    EXPECT_EQ(files(), 2U);
}

TEST_F(SavedFileTest, KeepsModeOwnerAndGroup) {
    struct stat status {};
    ASSERT_TRUE(replace_file(directory / "fresh.toml", "new"));
    ASSERT_EQ(stat((directory / "fresh.toml").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0644U);
    ASSERT_EQ(chmod(own.c_str(), 0640), 0);
    const bool can_give = chown(own.c_str(), 2, 3) == 0;  // as root
    ASSERT_TRUE(replace_file(own, "new"));
    ASSERT_EQ(stat(own.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0640U);
    if (!can_give) return;
    EXPECT_EQ(status.st_uid, 2U);
    EXPECT_EQ(status.st_gid, 3U);
}

TEST_F(SavedFileTest, AFailureLeavesNothingBehind) {
    ASSERT_TRUE(fs::create_directory(directory / "taken.toml"));
    EXPECT_FALSE(replace_file(directory / "taken.toml", "new"));
    EXPECT_EQ(files(), 2U);
    EXPECT_FALSE(replace_file(directory / "nowhere/usher.toml", "new"));
}

TEST_F(SavedFileTest, ALinkOfItsOwnStaysALink) {
    ASSERT_TRUE(fs::create_directory(directory / "kept"));
    write(directory / "kept/real.toml", "old");
    fs::remove(own);
    fs::create_symlink("kept/real.toml", own);
    const auto target = path_to_save(own, std::nullopt);
    ASSERT_TRUE(target) << target.error().message;
    ASSERT_TRUE(replace_file(*target, "new"));
    EXPECT_TRUE(fs::is_symlink(own));
    EXPECT_EQ(read(directory / "kept/real.toml"), "new");
}

TEST_F(SavedFileTest, OnlyTomlFilesBesideItsOwn) {
    fs::create_symlink(own, directory / "link.toml");
    for (const char* bad : {"/etc/usher.toml", "usher.toml", "", "/", "x/y.toml", "link.toml",
                            "other.conf", "sub/other.toml", "../other.toml"}) {
        const bool whole = bad[0] == '/' || std::string_view(bad) == "usher.toml" || bad[0] == 0;
        const std::string path = whole ? bad : (directory / bad).string();
        const auto refused = path_to_save(own, path);
        ASSERT_FALSE(refused) << path;
        EXPECT_EQ(refused.error().code, Errc::permission);
    }
    EXPECT_EQ(path_to_save(own, directory / "other.toml"), directory / "other.toml");
    EXPECT_EQ(path_to_save(own, std::nullopt), own);
}

TEST_F(SavedFileTest, OneDirectoryHasManyNames) {
    const std::string dotted = directory / "." / "usher.toml";
    EXPECT_EQ(path_to_save(dotted, own), own);
    EXPECT_EQ(path_to_save(own, dotted), own);
    EXPECT_EQ(path_to_save(own, directory / "sub/../other.toml"), directory / "other.toml");
    const fs::path other_name = directory.string() + "-too";
    fs::create_directory_symlink(directory, other_name);
    EXPECT_EQ(path_to_save(own, other_name / "other.toml"), directory / "other.toml");
    fs::remove(other_name);
}

}  // namespace
}  // namespace usher
