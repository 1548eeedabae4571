# The binary ROC curve of each marker, its area by DeLong, cut-offs, what they classify right, and
# tests between markers in the same patients and of one marker in two groups.
suppressPackageStartupMessages(library(pROC))
.numbers <- function(v) as.list(unname(v))

.known <- function(data, columns) data[complete.cases(data[, c("bin", columns)]), ]

.roc <- function(data, marker)
  roc(data$bin, data[[marker]], levels = c(0, 1), direction = "<", quiet = TRUE)

.share <- function(hits, n) {
  wald <- hits / n + c(-1, 1) * qnorm(0.975) * sqrt(hits / n * (1 - hits / n) / n)
  list(exact = .numbers(binom.test(hits, n)$conf.int),
       wilson = .numbers(prop.test(hits, n, correct = FALSE)$conf.int), wald = .numbers(wald))
}

.best <- function(curve, method, shown) {
  found <- coords(curve, "best", best.method = method, transpose = FALSE, ret = shown)
  lapply(seq_len(nrow(found)), function(i) as.list(found[i, , drop = FALSE]))
}

.curve <- function(asked, data) {
  data <- .known(data, asked$marker)
  curve <- .roc(data, asked$marker)
  case <- data[[asked$marker]][data$bin == 1]; control <- data[[asked$marker]][data$bin == 0]
  youden <- .best(curve, "youden", c("threshold", "sensitivity", "specificity", "accuracy", "ppv",
                                     "npv", "tp", "tn", "fp", "fn", "youden"))
  at <- youden[[1]]
  list(marker = asked$marker, n_pos = length(case), n_neg = length(control),
       auc = as.numeric(auc(curve)), delong_var = var(curve), se = sqrt(var(curve)),
       ci = .numbers(as.numeric(ci.auc(curve))[c(1, 3)]),
       mannwhitney_p = suppressWarnings(wilcox.test(case, control)$p.value), youden = youden,
       closest_topleft = .best(curve, "closest.topleft",
                               c("threshold", "sensitivity", "specificity")),
       sens_ci = .share(at$tp, at$tp + at$fn), spec_ci = .share(at$tn, at$tn + at$fp),
       acc_ci = .share(at$tp + at$tn, nrow(data)),
       thresholds = .numbers(ifelse(is.finite(curve$thresholds), curve$thresholds, NA)),
       sensitivities = .numbers(curve$sensitivities), specificities = .numbers(curve$specificities),
       smooth = FALSE)
}

.paired <- function(asked, data) {
  data <- .known(data, c(asked$m1, asked$m2))
  one <- .roc(data, asked$m1); other <- .roc(data, asked$m2)
  test <- roc.test(one, other, paired = TRUE, method = "delong")
  half <- qnorm(0.975) * sqrt(var(one) + var(other) - 2 * cov(one, other))
  d <- as.numeric(auc(one)) - as.numeric(auc(other))
  list(m1 = asked$m1, m2 = asked$m2, z = unname(test$statistic), p = test$p.value,
       ci_diff = list(d - half, d + half), auc1 = as.numeric(auc(one)),
       auc2 = as.numeric(auc(other)), cov = cov(one, other))
}

.unpaired <- function(asked, data) {
  data <- .known(data, c(asked$marker, asked$group))
  curves <- lapply(unlist(asked$levels), function(level)
    .roc(data[data[[asked$group]] == level, ], asked$marker))
  test <- roc.test(curves[[1]], curves[[2]], paired = FALSE, method = "delong")
  c(asked[c("marker", "group", "levels")],
    list(auc = .numbers(sapply(curves, function(one) as.numeric(auc(one)))),
         D = unname(test$statistic), df = unname(test$parameter), p = test$p.value))
}

answer <- function(folder, set, asked) {
  data <- read.csv(file.path(folder, asked$input), check.names = FALSE)
  list(dataset = set, input = asked$input, quantity = "roc", meta = versions("pROC"),
       note = asked$note, curves = lapply(asked$curves, .curve, data = data),
       paired_delong = lapply(asked$paired_delong, .paired, data = data),
       unpaired_delong = .unpaired(asked$unpaired_delong, data))
}
