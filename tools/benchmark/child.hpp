// SPDX-License-Identifier: BSD-3-Clause
// A program that forwards packets in a thread of its own, started, held and ended by the benchmark.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace usher::bench {

class Child {
  public:
    // `words[0]` is looked for on the PATH. It may use every core that the benchmark was given, and
    // ends when the benchmark does. Throws std::runtime_error.
    explicit Child(const std::vector<std::string>& words);
    ~Child();  // asks it to end, and then makes it
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void write(const std::string& text);  // to its standard input
    // What it writes, until `text` comes; throws when that does not within a minute.
    std::string read_until(const std::string& text);

    // Held, it uses no processor.
    void hold();
    void release();

    // What the threads whose name has `part` in it have spent on a processor; 0: no such thread.
    std::uint64_t thread_nanoseconds(const std::string& part) const;

  private:
    pid_t pid_ = -1;
    int in_ = -1, out_ = -1;
};

}  // namespace usher::bench
