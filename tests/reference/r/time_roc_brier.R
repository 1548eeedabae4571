# AUC, ROC curve, Brier score, IPA and IBS at given times.
# timeROC is not in Debian: written here from Blanche, Dartigues and Jacqmin-Gadda 2013
# (10.1002/sim.5958): cases T < t by 1/G(T-), controls T > t by 1/G(t). survivalROC is left out.

# G(t-) or G(t) of the censoring, deaths before censorings at one time.
censoring <- function(time, event) {
  one <- function(t) rep(1, length(t))
  if (all(event == 1)) return(list(at = one, before = one))
  times <- sort(unique(time[event == 0]))
  leaving <- sapply(times, function(u) sum(time == u & event == 0))
  risk <- leaving + sapply(times, function(u) sum(time > u))
  curve <- c(1, cumprod(1 - leaving / risk))
  list(at = function(t) curve[1 + findInterval(t, times)],
       before = function(t) curve[1 + findInterval(t, times, left.open = TRUE)])
}

# What estimating G adds to the influences of a mean of contributions b.
of_censoring <- function(time, event, b, t) {
  n <- length(time); leaving <- event == 0 & time <= t
  if (!any(leaving)) return(numeric(n))
  times <- sort(unique(time[leaving]))
  followed <- sapply(times, function(u) sum(time >= u))
  jump <- sapply(times, function(u) sum(b[time > u])) / followed
  hazard <- sapply(times, function(u) sum(time == u & leaving)) / followed
  compensator <- c(0, cumsum(jump * hazard))[1 + findInterval(time, times)]
  ifelse(leaving, jump[match(time, times)], 0) - compensator
}

auc_at <- function(time, event, marker, t) {
  n <- length(time); g <- censoring(time, event)
  case <- event == 1 & time < t; control <- time > t
  w <- ifelse(case, 1 / g$before(time), ifelse(control, 1 / g$at(t), 0))
  share <- function(among, than)
    sapply(marker, function(m)
      sum(w[among] * (than(marker[among], m) + (marker[among] == m) / 2)) / sum(w[among]))
  below <- share(control, `<`); above <- share(case, `>`)
  auc <- sum((w * below)[case]) / sum(w[case])
  influence <- n * w * (ifelse(case, (below - auc) / sum(w[case]), 0) +
                        ifelse(control, (above - auc) / sum(w[control]), 0))
  influence <- influence + of_censoring(time, event, influence, t)
  list(auc = auc, influence = influence, se = sd(influence) / sqrt(n), survival = sum(w[control]) / n,
       incidence = sum(w[case]) / n, n = c(sum(case), sum(control), n - sum(case) - sum(control)),
       case = case, control = control, w = w)
}

time_roc <- function(d, asked) {
  at <- lapply(asked$times, function(t) auc_at(d[[asked$time]], d$event, d[[asked$marker]], t))
  get <- function(name) sapply(at, `[[`, name)
  half <- qnorm(0.975) * get("se"); counts <- get("n")
  list(time = asked$time, marker = asked$marker, times = unlist(asked$times), AUC = get("auc"),
       se = get("se"), lo = get("auc") - half, hi = get("auc") + half,
       surv_prob = get("survival"), cum_inc = get("incidence"), cases = counts[1, ],
       controls = counts[2, ], censored = counts[3, ])
}

# The p of two markers at each time; `compare_<a>_vs_<b>` names them.
compared <- function(d, asked, key) {
  columns <- sapply(strsplit(sub("^compare_", "", key), "_vs_")[[1]], function(name) {
    markers <- unlist(lapply(asked$timeROC$cases, `[[`, "marker"))
    markers[endsWith(markers, name)][1]
  })
  time <- d[[asked$timeROC$cases[[1]]$time]]
  list(p = sapply(asked$times, function(t) {
    both <- lapply(columns, function(column) auc_at(time, d$event, d[[column]], t))
    se <- sd(both[[1]]$influence - both[[2]]$influence) / sqrt(nrow(d))
    2 * pnorm(-abs(both[[1]]$auc - both[[2]]$auc) / se)
  }))
}

curve_at <- function(d, case, t) {
  marker <- d[[case$marker]]; at <- auc_at(d[[case$time]], d$event, marker, t)
  cuts <- sort(unique(marker), decreasing = TRUE)
  above <- function(among)
    c(0, sapply(cuts, function(cut) sum(at$w[among & marker >= cut]) / sum(at$w[among])))
  list(time = t, FP = above(at$control), TP = above(at$case))
}

# Predictions: `risk_<t>` of the first model named, `risk2_<t>` of the second.
scored <- function(d, asked) {
  models <- unique(sapply(asked$riskRegression$AUC, `[[`, "model"))
  times <- unlist(asked$times)
  predicted <- lapply(seq_along(models), function(i)
    as.matrix(d[paste0("risk", if (i > 1) i else "", "_", times)]))
  d$time <- d[[asked$timeROC$cases[[1]]$time]]
  fit <- riskRegression::Score(
    setNames(predicted, models), formula = Surv(time, event) ~ 1, data = d, times = times,
    metrics = c("auc", "brier"), summary = c("ipa", "ibs"), cens.model = "km", conf.int = TRUE)
  rows <- function(table, columns)
    lapply(seq_len(nrow(table)), function(i) as.list(as.data.frame(table)[i, columns]))
  as_named <- function(table) {
    table <- as.data.frame(table); names(table)[names(table) == "times"] <- "time"
    for (name in intersect(c("model", "reference"), names(table)))
      table[[name]] <- as.character(table[[name]])
    names(table)[startsWith(names(table), "delta")] <- "delta"
    table
  }
  auc <- as_named(fit$AUC$score); brier <- as_named(fit$Brier$score)
  contrasts <- as_named(fit$AUC$contrasts)
  list(note = asked$riskRegression$note,
       AUC = rows(auc, c("model", "time", "AUC", "se", "lower", "upper")),
       Brier = rows(brier, c("model", "time", "Brier", "se", "lower", "upper", "IPA", "IBS")),
       AUC_contrasts = rows(contrasts,
                            c("model", "reference", "time", "delta", "lower", "upper", "p")))
}

answer <- function(folder, set, asked) {
  d <- read.csv(file.path(folder, asked$input), check.names = FALSE)
  d <- head(d, as.integer(regmatches(asked$rows_used, regexpr("[0-9]+", asked$rows_used))))
  out <- asked[c("dataset", "input", "quantity", "times", "rows_used")]
  out$meta <- versions(c("survival", "riskRegression"))
  roc <- asked$timeROC
  out$timeROC <- list(estimator = roc$estimator,
                      cases = lapply(roc$cases, function(case) time_roc(d, case)))
  for (key in grep("^compare_", names(roc), value = TRUE))
    out$timeROC[[key]] <- compared(d, asked, key)
  out$timeROC$roc_points <- curve_at(d, roc$cases[[1]], roc$roc_points$time)
  out$riskRegression <- scored(d, asked)
  out
}
