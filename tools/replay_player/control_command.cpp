// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/control_command.hpp"

#include <sstream>

namespace usher::replay {

namespace {

using Words = std::vector<std::string>;

// Without what only says as whom and where: sudo, ip netns exec NAME.
Words words_of(const std::string& line) {
    std::istringstream in(line);
    Words words;
    for (std::string word; in >> word;)
        words.push_back(word);
    if (!words.empty() && words[0] == "sudo") words.erase(words.begin());
    if (words.size() > 4 && words[0] == "ip" && words[1] == "netns" && words[2] == "exec")
        words.erase(words.begin(), words.begin() + 4);
    return words;
}

std::string line_of(const Words& words) {
    std::string line;
    for (const std::string& word : words)
        line += (line.empty() ? "" : " ") + word;
    return line;
}

std::vector<Sysctl> assignments(const Words& words) {
    std::vector<Sysctl> settings;
    for (const std::string& word : words)
        if (const auto sign = word.find('='); word[0] != '-' && sign != std::string::npos)
            settings.push_back({word.substr(0, sign), word.substr(sign + 1)});
    return settings;
}

// echo VALUE > /proc/sys/..., with the blank after > or without.
std::vector<Sysctl> written(const Words& words) {
    const std::string& file = words.back();
    if (words.size() < 3 || file.find("/proc/sys/") == std::string::npos) return {};
    return {{file, words[1]}};
}

}  // namespace

ControlCommand read_control_command(const std::string& line) {
    ControlCommand command;
    Words words = words_of(line);
    if (words.empty()) return command;
    const std::string program = words[0].substr(words[0].find_last_of('/') + 1);
    const auto begins = [&](const char* with) { return program.rfind(with, 0) == 0; };
    if (program == "sysctl")
        command.settings = assignments(words);
    else if (program == "echo")
        command.settings = written(words);
    else if (program == "ipvsadm")
        command.ipvsadm.assign(words.begin() + 1, words.end());
    else if (begins("iptables") || begins("ip6tables") || program == "nft")
        command.marks = line_of(words);
    return command;
}

}  // namespace usher::replay
