# Fits the Cox models of this folder again and compares the coefficients with those of armwise.
#
#   Rscript refit.R            in this folder, or with its path from elsewhere
#
# Needs R with its recommended package survival. The exit status is 1 where a coefficient, its
# standard error or a baseline hazard differs by more than TOLERANCE.

library(survival)

TOLERANCE <- 1e-6

arguments <- commandArgs(trailingOnly = FALSE)
script <- sub("^--file=", "", grep("^--file=", arguments, value = TRUE))
# Rscript writes a blank of the path as "~+~".
folder <- if (length(script) == 1) dirname(gsub("~+~", " ", script, fixed = TRUE)) else "."

# Everything is read as text: a level "1" is no number, a level "NA" is not missing. Text is marked
# as UTF-8, not converted: a locale that lacks a letter would cut the file off there.
read_text <- function(name) {
  read.csv(file.path(folder, name), colClasses = "character", na.strings = "",
           check.names = FALSE, encoding = "UTF-8")
}

models <- read_text("models.csv")
coefficients <- read_text("coefficients.csv")
levels_of <- read_text("levels.csv")
knots_of <- read_text("knots.csv")
baseline <- read_text("baseline.csv")

# Harrell's restricted cubic spline as in rms::rcs, its scale that of the value (norm = 2).
spline_basis <- function(x, knots) {
  k <- length(knots)
  cubed <- function(knot) pmax(x - knot, 0)^3
  gap <- knots[k] - knots[k - 1]
  nonlinear <- sapply(knots[seq_len(k - 2)], function(knot) {
    (cubed(knot) - cubed(knots[k - 1]) * (knots[k] - knot) / gap +
      cubed(knots[k]) * (knots[k - 1] - knot) / gap) / (knots[k] - knots[1])^2
  })
  cbind(x, nonlinear)
}

# The columns of a predictor: indicators of a factor whose first level is the reference, a spline
# or the value itself.
columns_of <- function(patients, arm, name) {
  codes <- levels_of$level[levels_of$arm == arm & levels_of$predictor == name]
  knots <- as.numeric(knots_of$knot[knots_of$arm == arm & knots_of$predictor == name])
  if (length(codes) > 0) {
    value <- factor(patients[[name]], levels = codes)
    if (anyNA(value)) stop("a level of ", name, " is none of ", paste(codes, collapse = ", "))
    return(model.matrix(~ value)[, -1, drop = FALSE])
  }
  value <- as.numeric(patients[[name]])
  if (length(knots) == 0) return(cbind(value))
  basis <- spline_basis(value, knots)
  for (order in seq_len(ncol(basis) - 1)) {
    given <- as.numeric(patients[[paste0(name, "_spline", order)]])
    stopifnot(all(abs(basis[, order + 1] - given) <= 1e-9 * pmax(1, abs(given))))
  }
  basis
}

# One fit. The penalty is theta / 2 times the sum of the squared coefficients of columns that were
# divided by their standard deviation (with n, not n - 1, in the denominator).
fit_once <- function(x, time, death, penalty) {
  control <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 100, outer.max = 100,
                           timefix = FALSE)
  scale <- sqrt(colMeans(sweep(x, 2, colMeans(x))^2))
  z <- sweep(x, 2, scale, "/")
  fit <- if (penalty > 0) {
    coxph(Surv(time, death) ~ ridge(z, theta = penalty, scale = FALSE), ties = "efron",
          control = control)
  } else {
    coxph(Surv(time, death) ~ z, ties = "efron", control = control)
  }
  hazard <- basehaz(fit, centered = TRUE)
  beta <- as.numeric(coef(fit))
  list(beta = beta / scale, variance = fit$var / outer(scale, scale), centre = colMeans(x),
       times = hazard$time, at_centre = hazard$hazard * exp(sum(beta * (colMeans(z) - fit$means))))
}

# Rubin's rules; one fit is returned as it is. The baseline is averaged on the log hazard scale, of
# a patient at the pooled centre.
pool <- function(fits) {
  m <- length(fits)
  betas <- do.call(rbind, lapply(fits, `[[`, "beta"))
  beta <- colMeans(betas)
  variance <- Reduce(`+`, lapply(fits, `[[`, "variance")) / m
  if (m > 1) variance <- variance + (1 + 1 / m) * var(betas)
  centre <- Reduce(`+`, lapply(fits, `[[`, "centre")) / m
  logs <- sapply(fits, function(fit) log(fit$at_centre) + sum(fit$beta * (centre - fit$centre)))
  list(beta = beta, error = sqrt(diag(as.matrix(variance))), times = fits[[1]]$times,
       hazard = exp(rowMeans(as.matrix(logs))))
}

refit <- function(model) {
  rows <- coefficients[coefficients$arm == model$arm & coefficients$model == model$model, ]
  training <- read_text(paste0("training-", model$arm, ".csv"))
  fits <- lapply(seq_len(as.integer(model$imputations)), function(number) {
    patients <- training[training$imputation == number, ]
    x <- do.call(cbind, lapply(unique(rows$predictor), function(name) {
      columns_of(patients, model$arm, name)
    }))
    fit_once(x, as.numeric(patients$os_days), as.integer(patients$death),
             as.numeric(model$ridge_penalty))
  })
  pooled <- pool(fits)
  known <- baseline[baseline$arm == model$arm & baseline$model == model$model, ]
  hazard <- pooled$hazard[match(as.numeric(known$time_days), pooled$times)]
  relative <- abs(hazard / as.numeric(known$cumulative_hazard) - 1)
  data.frame(arm = model$arm, model = model$model, term = rows$term,
             armwise = as.numeric(rows$coefficient), R = pooled$beta,
             difference = pooled$beta - as.numeric(rows$coefficient),
             error_armwise = as.numeric(rows$standard_error), error_R = pooled$error,
             hazard_difference = max(relative))
}

fitted <- models[as.integer(models$n_coefficients) > 0, ]
empty <- models[as.integer(models$n_coefficients) == 0, ]
table <- do.call(rbind, lapply(seq_len(nrow(fitted)), function(i) refit(fitted[i, ])))

options(width = 200)
if (nrow(empty) > 0) cat("Without a predictor:", paste(empty$arm, empty$model), sep = " ", "\n")
if (is.null(table)) {
  cat("No model has a coefficient.\n")
  quit(status = 0)
}
shown <- table[c("arm", "model", "term", "armwise", "R", "difference")]
print(format(shown, digits = 9), row.names = FALSE)

# Also in standard errors: a coefficient of a wide scale is small whatever it is.
largest <- c(
  "coefficient" = max(abs(table$difference)),
  "coefficient, in standard errors" = max(abs(table$difference) / table$error_armwise),
  "standard error, relative" = max(abs(table$error_R / table$error_armwise - 1)),
  "baseline hazard, relative" = max(table$hazard_difference)
)
cat("\nLargest difference, of", nrow(table), "coefficients of", nrow(fitted), "models:\n")
cat(sprintf("  %-32s %.1e\n", names(largest), largest), sep = "")
if (any(is.na(largest)) || any(largest > TOLERANCE)) {
  cat("A difference exceeds", TOLERANCE, "\n")
  quit(status = 1)
}
cat("R gives the models of armwise, within", TOLERANCE, "\n")
