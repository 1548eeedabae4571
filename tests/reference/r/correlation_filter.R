# Correlations of the columns, and which of them three rules leave out or keep. Two of the rules are
# those that caret documents for findCorrelation; written anew here, since base R is all they need.

# Columns by descending mean |r|; of a pair above the cut-off the first goes if its mean with the
# columns left exceeds the mean of all others' rows, else the second.
.drop_exact <- function(r, cutoff) {
  diag(r) <- NA
  visits <- order(colMeans(r, na.rm = TRUE), decreasing = TRUE)
  left <- visits
  for (first in visits) for (second in visits[-seq_len(match(first, visits))]) {
    if (!all(c(first, second) %in% left) || r[first, second] <= cutoff) next
    own <- mean(r[first, left], na.rm = TRUE)
    others <- mean(r[setdiff(left, second), left], na.rm = TRUE)
    left <- setdiff(left, if (own > others) first else second)
  }
  sort(setdiff(visits, left))
}

# Of every pair above the cut-off the column with the larger mean |r|.
.drop_inexact <- function(r, cutoff) {
  means <- colMeans(r)
  pairs <- which(r > cutoff & upper.tri(r), arr.ind = TRUE)
  sort(unique(ifelse(means[pairs[, 2]] > means[pairs[, 1]], pairs[, 2], pairs[, 1])))
}

.keep_first <- function(r, cutoff) {
  kept <- integer(0)
  for (j in seq_len(ncol(r))) if (all(r[j, kept] <= cutoff)) kept <- c(kept, j)
  kept
}

answer <- function(folder, set, asked) {
  columns <- unlist(asked$columns)
  x <- as.matrix(read.csv(file.path(folder, asked$input), check.names = FALSE)[, columns])
  r <- cor(x); s <- cor(x, method = "spearman"); first <- seq_len(min(10, length(columns)))
  above <- function(m) sum(abs(m[upper.tri(m)]) > 0.8)
  out <- list(dataset = set, input = asked$input, quantity = "correlation_filter",
              meta = versions(character(0)), columns = asked$columns,
              n_pairs_gt_08_pearson = above(r), n_pairs_gt_08_spearman = above(s),
              pearson_first10 = unname(r[first, first]), spearman_first10 = unname(s[first, first]),
              max_abs_pearson = max(abs(r[upper.tri(r)])))
  rules <- list(caret_findCorrelation_drop_ = .drop_exact,
                caret_findCorrelation_inexact_drop_ = .drop_inexact,
                greedy_first_come_keep_ = .keep_first)
  for (prefix in names(rules)) for (key in grep(paste0("^", prefix), names(asked), value = TRUE)) {
    cutoff <- as.numeric(sub(prefix, "", key, fixed = TRUE))
    out[[key]] <- as.list(columns[rules[[prefix]](abs(r), cutoff)])
  }
  c(out, list(note = asked$note))
}
