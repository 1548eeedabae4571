# Kaplan-Meier curves by group with three kinds of interval, their quantiles and restricted means;
# log-rank tests of all groups and of every two; median follow-up; the best cut point of a marker.
.kinds <- c(log = "log", loglog = "log-log", plain = "plain")
.numbers <- function(v) as.list(unname(v))

.by_interval <- function(kind, data, times) {
  fit <- survfit(Surv(time, event) ~ 1, data = data, conf.type = kind)
  at <- summary(fit, times = times)
  q <- quantile(fit, c(0.25, 0.5, 0.75))
  list(surv = .numbers(at$surv), std_err = .numbers(at$std.err), lower = .numbers(at$lower),
       upper = .numbers(at$upper), n_risk = .numbers(at$n.risk), quantile = .numbers(q$quantile),
       q_lower = .numbers(q$lower), q_upper = .numbers(q$upper))
}

.group <- function(level, data, times, tau) {
  data <- data[data$group == level, ]
  fit <- survfit(Surv(time, event) ~ 1, data = data)
  mean <- summary(fit, rmean = tau)$table
  list(level = level, n = nrow(data), events = sum(data$event),
       by_conf_type = lapply(.kinds, .by_interval, data = data, times = times),
       rmean = unname(mean["rmean"]), rmean_se = unname(mean["se(rmean)"]),
       curve = list(time = .numbers(fit$time), n_risk = .numbers(fit$n.risk),
                    n_event = .numbers(fit$n.event), n_censor = .numbers(fit$n.censor),
                    surv = .numbers(fit$surv), greenwood_se_of_S = .numbers(fit$std.err * fit$surv),
                    na_cumhaz = .numbers(fit$cumhaz)))
}

.log_rank <- function(data, ...) {
  test <- survdiff(Surv(time, event) ~ group, data = data, ...)
  df <- sum(test$exp > 0) - 1
  list(chisq = test$chisq, df = df, p = pchisq(test$chisq, df, lower.tail = FALSE),
       obs = .numbers(test$obs), exp = .numbers(test$exp), var = unname(test$var))
}

# The difference of two restricted means, second minus first, by Wald.
.rmst2 <- function(groups, tau) {
  z <- qnorm(0.975)
  arm <- function(g) c(g$rmean, g$rmean_se, g$rmean - z * g$rmean_se, g$rmean + z * g$rmean_se)
  d <- groups[[2]]$rmean - groups[[1]]$rmean
  se <- sqrt(groups[[1]]$rmean_se^2 + groups[[2]]$rmean_se^2)
  list(arm0 = .numbers(arm(groups[[1]])), arm1 = .numbers(arm(groups[[2]])),
       diff = list(d, d - z * se, d + z * se, 2 * pnorm(-abs(d) / se)), tau = tau,
       note = "rmst = Est, se, lo, hi; diff = arm1-arm0")
}

.analysis <- function(asked, data, score, cut) {
  group <- if (asked$group %in% names(data)) as.character(data[[asked$group]])
           else as.character(as.integer(score > cut))
  levels <- unlist(asked$levels)
  used <- data.frame(time = data[[asked$time]], event = data$event, group = factor(group, levels))
  used <- used[!is.na(used$group), ]
  groups <- lapply(levels, .group, data = used, times = unlist(asked$times), tau = asked$tau)
  out <- list(time = asked$time, group = asked$group, levels = asked$levels, times = asked$times,
              tau = asked$tau, groups = groups, logrank = .log_rank(used),
              peto_rho1 = .log_rank(used, rho = 1)[c("chisq", "p")])
  if (!is.null(asked$rmst2)) out$rmst2 <- .rmst2(groups, asked$tau)
  if (is.null(asked$pairwise_logrank)) return(out)
  pairs <- lapply(asked$pairwise_logrank, function(pair) {
    part <- used[used$group %in% c(pair$a, pair$b), ]
    c(pair[c("a", "b")], .log_rank(droplevels(part))[c("chisq", "p")])
  })
  p <- sapply(pairs, `[[`, "p")
  c(out, list(pairwise_logrank = pairs, pairwise_p_BH = .numbers(p.adjust(p, "BH")),
              pairwise_p_bonferroni = .numbers(p.adjust(p, "bonferroni"))))
}

# The largest standardised rank statistic of log-rank scores over the cut points of a score
# (Lausen and Schumacher 1992; Hothorn and Lausen 2003), each side holding a share of the patients.
.maxstat <- function(time, event, score, minprop) {
  n <- length(time); rank <- rank(time, ties.method = "max")
  a <- event - sapply(time, function(t) sum((event / (n - rank + 1))[time <= t]))
  cuts <- sort(unique(score))
  m <- sapply(cuts, function(cut) sum(score <= cut))
  cuts <- cuts[m >= floor(n * minprop) & m <= floor(n * (1 - minprop))]
  statistic <- sapply(cuts, function(cut) {
    low <- score <= cut; m <- sum(low)
    abs(sum(a[low]) - m * mean(a)) / sqrt(m * (n - m) / n * var(a))
  })
  list(cutpoint = cuts[which.max(statistic)], statistic = max(statistic), minprop = minprop)
}

answer <- function(folder, set, asked) {
  data <- read.csv(file.path(folder, asked$input), check.names = FALSE)
  key <- grep("^median_cut_of_", names(asked), value = TRUE)
  score <- data[[sub("median_cut_of_", "", key)]]
  reverse <- survfit(Surv(time, 1 - event) ~ 1, data = data)
  out <- list(dataset = set, input = asked$input, quantity = "kaplan_meier",
              meta = versions("survival"))
  out[[key]] <- median(score)
  c(out, list(analyses = lapply(asked$analyses, .analysis, data = data, score = score,
                                cut = asked[[key]]),
              reverse_km_followup_median = unname(quantile(reverse, 0.5)$quantile),
              maxstat = .maxstat(data$time, data$event, score, asked$maxstat$minprop)))
}
