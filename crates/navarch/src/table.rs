//! Tables for people: columns as wide as what is in them.

/// A line for the head and for each row.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head = head.iter().map(|&cell| cell.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let padded: Vec<String> = cells
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text.push_str(padded.join("   ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_they_must() {
        let rows = vec![
            vec!["a".to_owned(), "bb".to_owned()],
            vec!["long".to_owned(), String::new()],
        ];
        let text = super::table(&["X", "Y"], rows);
        assert_eq!(text, "X      Y\na      bb\nlong\n");
    }
}
