"""The log's modules that know no page: colours, the screen, what is loaded, the search. Run in the browser."""

from __future__ import annotations

from typing import Any

from tests.page.conftest import Evaluate


def test_the_log_is_shown_as_a_terminal_would(evaluate: Evaluate) -> None:
    show = """
        const { Screen, textOf } = await import("/static/log/screen.js");
        const shown = (pieces) => {
            const screen = new Screen();
            for (const piece of pieces) screen.write(piece);
            return screen.rows.map(textOf);
        };
        // Whole, and cut at every place.
        return given.map((text) => [shown([text]), shown([...text])]);
    """
    cases = {
        "one\ntwo": ["one", "two"],
        "one\r\ntwo\r\n": ["one", "two", ""],
        "10%\r20%\r": ["20%"],
        "10%\r20%\rdone\n": ["done", ""],
        "a long bar\rshort": ["shortg bar"],
        "a long bar\r\x1b[Kshort": ["short"],
        "a long bar\x1b[2K\rshort": ["short"],
        "a long bar\x1b[4D\x1b[1Kx": ["      xbar"],
        "one\ntwo\n\x1b[2A\x1b[2Kuno\ndos\n": ["uno", "dos", ""],
        "one\ntwo\x1b[1F\x1b[JONE": ["ONE", ""],
        "bar 1\nbar 2\n\x1b[A\rBAR 2\n": ["bar 1", "BAR 2", ""],
        "\x1b[31mred\x1b[0m\x1b[38;5;12mblue": ["redblue"],
        "\x1b]0;a title\x07text": ["text"],
        "\x1b[?25lhidden cursor\x1b[?25h": ["hidden cursor"],
        "wrong\b\b\b\b\bright": ["right"],
        "bell\x07 and nul\x00": ["bell and nul"],
        "tab\tstays, ü too": ["tab\tstays, ü too"],
    }
    for (text, expected), (whole, cut) in zip(cases.items(), evaluate(show, list(cases))):
        assert whole == expected, repr(text)
        assert cut == whole, repr(text)


def test_colours_are_those_of_the_terminal(evaluate: Evaluate) -> None:
    def runs(text: str) -> Any:
        return evaluate(
            """
            const { Screen } = await import("/static/log/screen.js");
            const screen = new Screen();
            screen.write(given);
            return screen.rows[0].runs.map(({ text, style }) => [text, style]);
            """,
            text,
        )

    assert runs("a\x1b[1;31mb\x1b[22mc\x1b[md") == [
        ["a", None], ["b", {"fg": 1, "bold": True}], ["c", {"fg": 1}], ["d", None]
    ]  # fmt: skip
    assert runs("\x1b[97;44;4mx\x1b[39;49;24my") == [["x", {"fg": 15, "bg": 4, "underline": True}], ["y", None]]
    assert runs("\x1b[38;5;9ma\x1b[38;5;208mb\x1b[38;5;244mc\x1b[48;2;1;2;3md") == [
        ["a", {"fg": 9}],
        ["b", {"fg": "rgb(255, 135, 0)"}],
        ["c", {"fg": "rgb(128, 128, 128)"}],
        ["d", {"fg": "rgb(128, 128, 128)", "bg": "rgb(1, 2, 3)"}],
    ]
    # What makes no sense does nothing, and what follows it is read.
    assert runs("\x1b[38;5;999;1ma\x1b[0;38;2;300;0;0;3mb") == [["a", {"bold": True}], ["b", {"italic": True}]]
    # Overwriting keeps the colours of what stays.
    assert runs("\x1b[32mgreen\x1b[0m\rre") == [["re", None], ["een", {"fg": 2}]]


def test_rows_know_where_their_line_begins(evaluate: Evaluate) -> None:
    rows = evaluate("""
        const { Screen, MAX_ROW_CHARS } = await import("/static/log/screen.js");
        const screen = new Screen(100);
        screen.write("für\\n\\x1b[31mred", 100);
        screen.write("\\x1b[0m\\n" + "x".repeat(2 * MAX_ROW_CHARS + 1) + "\\nend", 113);
        return screen.rows.map(({ offset, isContinued }) => [offset, isContinued]);
    """)
    assert rows == [[100, False], [105, False], [118, False], [118, True], [118, True], [4120, False]]


def test_what_is_loaded_grows_at_both_ends_and_is_cut_at_both(evaluate: Evaluate) -> None:
    told = evaluate("""
        const { LogWindow } = await import("/static/log/window.js");
        const { textOf } = await import("/static/log/screen.js");
        const told = [];
        const tell = (shown) => told.push([shown.start, shown.end, shown.rows.map(textOf).join(" ")]);
        const shown = new LogWindow(4);
        shown.append({ offset: 4, next_offset: 9, text: "b\\nc\\nd" });
        tell(shown);
        shown.prepend({ offset: 0, text: "0\\na\\n" });
        tell(shown);
        shown.append({ offset: 9, next_offset: 11, text: "D\\n" });
        tell(shown);
        shown.cutEnd(3);
        tell(shown);
        shown.append({ offset: 6, next_offset: 8, text: "c\\n" });
        tell(shown);
        shown.cutStart(2);
        tell(shown);
        return [told, [6, 7, 5, 8].map((offset) => shown.rowAt(offset)).map((row) => row && textOf(row))];
    """)
    assert told[0] == [
        [4, 9, "b c d"], [0, 9, "0 a b c d"], [0, 11, "0 a b c dD "], [0, 6, "0 a b "], [0, 8, "0 a b c "], [6, 8, "c "]
    ]  # fmt: skip
    assert told[1] == ["c", "c", None, None]


def test_a_search_goes_through_the_log_piece_by_piece(evaluate: Evaluate) -> None:
    steps, walk, resumed = evaluate("""
        const { LogSearch } = await import("/static/log/search.js");
        const answers = {
            0: { lines: [3, 7], next_offset: 10, size: 20 },
            10: { lines: [15], next_offset: 20, size: 20 },
            20: { lines: [22], next_offset: 25, size: 25 },
        };
        const steps = [];
        const tell = () => steps.push([search.hits.length, search.isOver]);
        const search = new LogSearch(async (text, offset) => answers[offset], tell);
        await search.begin("x");
        const walk = [search.go(1, 5), search.go(1), search.go(1), search.go(-1)];
        await search.resume();
        const resumed = [...search.hits];
        search.begin("y");
        await search.begin("");
        return [steps, walk, [resumed, search.hits, search.go(1)]];
    """)
    assert steps[:3] == [[0, False], [2, False], [3, True]]
    assert walk == [7, 15, 3, 15]
    assert resumed == [[3, 7, 15, 22], [], None]


def test_the_last_lines_are_told_without_colours(evaluate: Evaluate) -> None:
    lines = evaluate("""
        const { lastLines } = await import("/static/log/screen.js");
        return lastLines([{ text: "a\\nb\\n 1%\\r 2" }, { text: "%\\n\\x1b[31mValueError\\x1b[0m\\n\\n" }], 2);
    """)
    assert lines == [" 2%", "ValueError"]
